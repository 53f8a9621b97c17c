import type { Route } from '../route.ts';
import { eventRoutes } from './events.ts';
import { scheduleRoutes } from './schedules.ts';
import { serverRoutes } from './servers.ts';
import { stepRoutes } from './steps.ts';
import { actionRoutes } from './task-actions.ts';
import { taskRoutes } from './tasks.ts';
import { workflowRoutes } from './workflows.ts';

/** Every route of the API, in the order in which they are tried. The app and the document are made from it. */
export const ROUTES: readonly Route[] = [
  ...workflowRoutes,
  ...eventRoutes,
  ...taskRoutes,
  ...stepRoutes,
  ...actionRoutes,
  ...scheduleRoutes,
  ...serverRoutes,
];
