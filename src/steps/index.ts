import type { StepSyntaxTable } from '../definition/step-syntax.ts';
import type { StepKind, StepKindTable } from '../engine/kind.ts';
import { elicitKind } from './elicit.ts';
import { emitKind } from './emit.ts';
import { failKind } from './fail.ts';
import { foreachKind } from './foreach.ts';
import { groupKind } from './group.ts';
import { llmKind } from './llm.ts';
import { loopKind } from './loop.ts';
import { parallelKind } from './parallel.ts';
import { promptKind } from './prompt.ts';
import { resourceKind } from './resource.ts';
import { rootsKind } from './roots.ts';
import { setKind } from './set.ts';
import { succeedKind } from './succeed.ts';
import { switchKind } from './switch.ts';
import { toolKind } from './tool.ts';
import { tryKind } from './try.ts';
import { waitKind } from './wait.ts';
import { workflowKind } from './workflow.ts';

const KINDS: readonly StepKind[] = [
  toolKind,
  resourceKind,
  promptKind,
  setKind,
  switchKind,
  parallelKind,
  loopKind,
  foreachKind,
  groupKind,
  tryKind,
  workflowKind,
  waitKind,
  emitKind,
  failKind,
  succeedKind,
  elicitKind,
  llmKind,
  rootsKind,
];

/** Every step kind by `type`: a new kind is one file and one line here. */
export const stepKinds: StepKindTable = new Map(KINDS.map((kind) => [kind.type, kind]));

/** The same kinds as the definition room reads them. */
export const stepSyntaxes: StepSyntaxTable = stepKinds;
