/** The library, by its own name for the compiler. The server answers this module's address with the library itself. */
export { Component, Fragment, h, render } from 'preact';
export type { ComponentChildren, VNode } from 'preact';
