import { z } from 'zod';
import { PROBLEMS, ProblemError } from '../problem.ts';
import { route } from '../route.ts';
import { ProblemPage, ServerPage } from '../schemas.ts';
import { mayList } from './tasks.ts';

const listServers = route({
  method: 'get',
  path: '/servers',
  operationId: 'listServers',
  summary: 'The downstream servers and how they are; asking starts none',
  answers: { 200: { about: 'Those that are not disabled, in the order of the servers file.', schema: ServerPage } },
  problems: ['not_identified'],
  handle: ({ caller }, { servers }) => {
    mayList(caller);
    return Promise.resolve({ status: 200, body: { servers: servers().map((server) => ({ ...server })) } });
  },
});

const getProblem = route({
  method: 'get',
  path: '/problems/{code}',
  operationId: 'getProblem',
  summary: 'What a problem means and what to do: where its `type` leads to',
  params: z.object({ code: z.string() }),
  answers: { 200: { about: 'The problem explained.', schema: ProblemPage } },
  problems: ['unknown_route'],
  handle: ({ params: { code } }) => {
    const known = Object.entries(PROBLEMS).find(([each]) => each === code)?.[1];
    if (known === undefined) throw new ProblemError('unknown_route', `there is no problem '${code}'`);
    const { status, title, advice } = known;
    return Promise.resolve({ status: 200, body: { code, status, title, advice } });
  },
});

export const serverRoutes = [listServers, getProblem];
