/** Flags that every `tasks` command has. */
export interface TaskFlags {
  readonly principal: string;
  readonly json?: true;
  readonly watch?: true;
}
