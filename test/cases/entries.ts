/**
 * What public bug reports of comparable software, real clients and trials as a new user found (2026-11-28): each entry
 * with what is right. `A3` and so on are what titles of tests begin with; test/architecture/cases.test.ts holds that
 * none is without a test.
 */
export const ENTRIES = {
  // A: a wrong result, a repeated effect, or something taken away.
  A1: 'a schema that is true or false is published as an object, and what one definition says takes no tool of another away',
  A2: 'numbers are bounded where they come in, and showing a time never throws',
  A3: 'null where a member may be absent is absent, and a call whose answer cannot be used is not made again',
  A4: 'a servers file is JSON with comments: what is commented out is not there',
  A5: 'a YAML merge key is merged, or an error that says what to do; it is never sent',
  A6: 'a host that shows only structured content, or only content, tells its model all of the result',
  A7: 'a cancel faster than anybody reads is a host that shows nothing, as such a decline is',
  A8: 'the approval that `new` writes does not approve a no',
  A9: 'a text that tells a model to answer names the form that is accepted, for each kind of question',
  A10: 'an integer beyond 2^53 in a definition is an error that says to quote it',
  A11: 'what a server fills in by a default is not missing, so our own samples pass `validate --connect`',

  // B: refused by hosts.
  B1: 'an array that is published has `items`',
  B2: '`validate` warns of what hosts refuse, from one table of their limits',
  B3: 'a web page of an allowed origin can call: preflight, and the headers it has to read; no other can',
  B4: 'the first answer does not wait for anything to be loaded',
  B5: 'a stream tells clients to come again late enough for a restart',
  B6: 'a refusal names the tool, the capability and the way out; a slash more and `*/*` are taken',

  // C: servers and their file.
  C1: 'variables and `~` are put in before a path is resolved, in `cwd`, `command` and `args`',
  C2: 'a `${…}` that nothing fills is an error of its server, which says so',
  C3: 'null for an absent member in the handshake leaves a server usable',
  C4: 'a byte order mark before the first line of a server is passed over',
  C5: 'the line of standard error that is shown is the one that tells the error',
  C6: 'a working folder that does not exist is said to be that',
  C7: '`serverUrl`, `httpUrl` and the types of other hosts are read',
  C8: 'text files in UTF-16 and with a byte order mark are read, and others refused by name',
  C9: 'a whole command line in `command`: the error says that arguments go into `args`',
  C10: 'a first start has a minute, and the message names the setting',
  C11: 'a session that a server no longer knows is begun anew once',
  C12: 'an answer whose id is the right number as a text is taken, with a warning',

  // D: finding out.
  D1: 'inputs, arguments, outputs, usage and cost can be seen, bounded and without secrets',
  D2: 'the log tells how tasks begin and end, and the metrics have workflow and outcome',
  D3: 'children stand under their parents, ids may be shortened, questions show deadline and choices',
  D4: '`run` without a terminal prints the question and how to answer it',
  D5: 'sequences for a terminal in texts of servers are removed whole',
  D6: 'a form that is asked again says why',
  D7: 'the next times of a schedule are shown, in its zone',

  // E: writing.
  E1: 'an unquoted template in YAML: the error says to put quotes around it',
  E2: 'words of GitHub Actions lead to ours',
  E3: 'a wrong argument name beside a missing one gets its "did you mean"',
  E4: 'a text that is meant as a condition is a warning',
  E5: '`run` of a file with an error says that first',
  E6: 'polling is one loop: back-off, the iteration inside, templates for numbers',
  E7: 'an object is passed on whole, and a template that leads to nothing can leave its key out',
  E8: 'the failures of a `foreach` are listed with their items, and mocks choose by item or argument',
  E9: 'a repair turn of `llm` says what was wrong, and JSON behind a sentence is found',
  E10: 'a large expression has a bound that is documented and can be set, and its message says the way out',
  E11: 'the graph has labels beside its lines, the ends of loops and an end',
  E12: '`--help` has examples, NO_COLOR is kept to, and the README says what a piped `run` prints',
  E13: 'the documents have troubleshooting, other languages, quoting, the traps of JSONata, polling, and how long tests take',

  // F: cost.
  F1: '`uniqueItems` costs what its list is long, and a whole validation has a budget',
  F2: 'a call over HTTP that times out closes its connection',
  F3: '`max_response_bytes` bounds memory, however the bytes come',
  F4: 'one answer of a server blocks nobody: count, depth and size are bounded early',
  F5: 'no expression gets around its bounds by shared parts, pictures of dates or ranges',
  F6: 'formats of strings are under the watchdog that patterns have',
  F7: 'a request is bounded in values and depth right after parsing, and too deep is 400',
  F8: 'what a client says once is kept within bounds',
  F9: 'streams, sessions and connections have shares per principal and per address',
  F10: 'a secret is found in the forms in which it comes back, and the documents say in which',
  F11: 'a storm of messages of a server costs little',
  F12: 'links are looked through before anything is changed, and what others can read or write is said',
  F13: 'no absolute paths, control characters or second Host get through, and a refused token leaves a line',

  // G: durability.
  G1: 'crashes count while an attempt starts and makes no progress, by a documented setting',
  G2: 'a child lives at least as long as its parent',
  G3: 'a clean-up step in flight keeps its key and its `on_interrupt`',
  G4: 'an answer that was acknowledged counts, however the clock jumps',
  G5: 'a process that was paused past its time makes no call when it wakes',
  G6: '`saved` is read when the turn comes',
  G7: 'a create whose outcome is unknown says so, and that the same key is safe',
  G8: 'after a cancel that was acknowledged no call begins',
  G9: 'a process that is frozen inside a commit is named, with what to do',
  G10: 'a flipped bit in a key is found and reported',
  G11: 'the beginning of a running phase does not move over a crash',
  G12: 'no answer is taken after the ttl',
  G13: 'a server that closes only its standard output fails calls at once',
  G14: 'processes that ignore signals are gone after the stop of their server',
  G15: 'a start does not read what has ended',

  // H: the documents of the owner, and the specification.
  H2: 'readiness follows real writes, with hysteresis',
  H3: 'an action that a step kind does not have is an error',
  H4: '`depends_on: []` makes a graph, and a graph has a default bound',
  H7: 'pausing and resuming a schedule tells how many tasks run now',
  H8: 'a data folder that is an address is refused with what is supported',
  H10: 'the metrics have requests, errors, memory and store times, and the documents a troubleshooting table',

  // I: public workflows, rewritten in our language.
  I1: 'reading and writing a variable in one `set` is one change among the branches of a task',
  I2: 'an error that a mock of `elicit` names is that error',
  I3: 'mocks are checked against forms and output schemas',
  I4: 'mocks and expectations of a `foreach` can name the item',
  I5: 'a group that ends by `succeed` is covered',
  I6: 'a template where none is rendered is an error',
  I7: 'a path that can lead nowhere is said to',
  I8: 'a `when` that reads a skipped step is quiet',
  I9: 'hints name the word that is meant',
  I10: 'what conditions, errors, forms, skips and handlers do is in the documents',
} as const;
