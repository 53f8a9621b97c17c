/**
 * Titles of the rows that fail today, and by how much at their last run, on a busy machine. They run by themselves (test/cases/open), all others with
 * test/cases/process/f-cost.test.ts.
 */
export const OPEN_COSTS: ReadonlyMap<string, string> = new Map([
  ['F1: 10 000 required members over 200 empty objects', 'held 959 ms of 305, grew 557 MiB of 100'],
  ['F1: a definition whose schema has 1 900 properties with patterns', 'held 916 ms of 313, grew 114 MiB of 100'],
  ['F5: $clone of a value that shares its parts 40 times over', 'grew 105 MiB of 100'],
  ['F5: $distinct of a value that shares its parts 40 times over', 'grew 157 MiB of 100; once the whole server ended'],
  ['F5: a transform of a value that shares its parts 40 times over', 'grew 105 MiB of 100'],
  ['F5: $pad of many texts', 'grew 98 to 101 MiB of 100'],
  ['F5: ranges within a range', 'grew 101 MiB of 100'],
  ['F5: large texts of a caller, made large again', 'grew 114 MiB of 102'],
  ['F5: a text that is split and joined', 'grew 109 MiB of 101'],
]);
