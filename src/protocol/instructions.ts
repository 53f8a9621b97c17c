/** What a host shows its model about the server as a whole. Hosts cut it at 2 048 characters. */
export const INSTRUCTIONS =
  'Each tool is a workflow: a fixed sequence of steps over other tools that runs durably, with retries, and survives disconnects and ' +
  'restarts. Call it once. A run that takes long is answered with a task id while it goes on: follow it with tasks_get (it can ' +
  'wait up to 45 seconds), read it with tasks_result, answer its questions with tasks_update, stop it with tasks_cancel. Do not start ' +
  'the same workflow again because it takes long.';
