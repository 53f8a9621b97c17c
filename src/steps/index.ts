import type { StepSyntaxTable } from '../definition/step-syntax.ts';
import type { StepKind, StepKindTable } from '../engine/kind.ts';
import { promptKind } from './prompt.ts';
import { resourceKind } from './resource.ts';
import { setKind } from './set.ts';
import { toolKind } from './tool.ts';

const KINDS: readonly StepKind[] = [toolKind, resourceKind, promptKind, setKind];

/** Every step kind by `type`: a new kind is one file and one line here. */
export const stepKinds: StepKindTable = new Map(KINDS.map((kind) => [kind.type, kind]));

/** The same kinds as the definition room reads them. */
export const stepSyntaxes: StepSyntaxTable = stepKinds;
