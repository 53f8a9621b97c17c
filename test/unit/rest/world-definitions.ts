/** Workflows of the tests of the REST API. */
export const WORKFLOWS: readonly string[] = [
  `name: quick
description: Answers at once.
input_schema: { type: object, properties: { n: { type: integer } } }
output: { n: '{{input.n}}' }
steps:
  - { id: note, type: set, values: { n: '{{input.n}}' } }
`,
  `name: asks
steps:
  - id: ask
    type: elicit
    message: Your name?
    schema: { type: object, properties: { name: { type: string, minLength: 1 } }, required: [name] }
output: { name: '{{ask.output.name}}' }
`,
  `name: breaks
secrets: [pin]
input_schema: { type: object, properties: { pin: { type: string } } }
steps:
  - { id: before, type: set, values: { pin: 'the pin is {{input.pin}}' } }
  - id: call
    server: s
    action: flaky
    arguments: { pin: '{{input.pin}}' }
    retry: { max_attempts: 2, delay_seconds: 1 }
`,
  `name: each
input_schema: { type: object, properties: { count: { type: integer } }, required: [count] }
steps:
  - id: all
    type: loop
    max_iterations: '{{input.count}}'
    steps:
      - { id: one, type: set, values: { n: 1 } }
`,
  `name: hourly
schedule: { type: interval, seconds: 3600, input: {} }
steps:
  - { id: note, type: set, values: { n: 1 } }
`,
];
