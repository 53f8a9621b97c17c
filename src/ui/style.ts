/**
 * The style of all pages: quiet, dense, light and dark. Colours have a contrast of 4.5 to 1 or more on their ground.
 */
export const STYLE = `
:root {
  --ground: #ffffff; --raised: #f5f6f8; --line: #d0d5dc; --text: #1c2330; --soft: #515b6b; --link: #0b57b0; --focus: #0b57b0;
  --completed: #1d6b2c; --failed: #a3150f; --cancelled: #515b6b; --working: #0b57b0; --input: #7a4a00; --skipped: #515b6b;
  --bar: #8fb4e3; --bar-completed: #7fbf8d; --bar-failed: #e08a84; --bar-waiting: #e3c27a;
  font: 14px/1.45 system-ui, sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14181f; --raised: #1d232c; --line: #3a4350; --text: #e6e9ee; --soft: #a9b3c1; --link: #86b8f5; --focus: #86b8f5;
    --completed: #7fd192; --failed: #f59b95; --cancelled: #a9b3c1; --working: #86b8f5; --input: #f0c069; --skipped: #a9b3c1;
    --bar: #3d6ba8; --bar-completed: #37764a; --bar-failed: #95413b; --bar-waiting: #85651f;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); }
a { color: var(--link); }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 1px; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 8px; top: 8px; background: var(--ground); padding: 4px 8px; z-index: 2; }
header.top { display: flex; flex-wrap: wrap; gap: 4px 16px; align-items: center; padding: 8px 16px; border-bottom: 1px solid var(--line); background: var(--raised); }
header.top strong { margin-right: 8px; }
header.top nav { display: flex; flex-wrap: wrap; gap: 4px; }
header.top nav a { padding: 4px 8px; border-radius: 4px; text-decoration: none; }
header.top nav a[aria-current] { background: var(--ground); text-decoration: underline; font-weight: 600; }
header.top .live { margin-left: auto; color: var(--soft); }
main { padding: 12px 16px; max-width: 1500px; margin: 0 auto; }
h1 { font-size: 20px; margin: 4px 0 8px; overflow-wrap: anywhere; }
h2 { font-size: 16px; margin: 16px 0 6px; }
.tools { display: flex; flex-wrap: wrap; gap: 8px; align-items: end; margin: 8px 0; }
label { display: block; color: var(--soft); }
label.check { display: flex; gap: 6px; align-items: center; color: var(--text); }
input, select, textarea, button { font: inherit; color: var(--text); background: var(--ground); border: 1px solid #7a8494; border-radius: 4px; padding: 4px 8px; min-height: 30px; }
input, select { max-width: 100%; }
textarea { width: 100%; max-width: 700px; min-height: 90px; font-family: ui-monospace, monospace; }
button { background: var(--raised); cursor: pointer; }
button:disabled { opacity: 0.7; cursor: default; }
button.main { background: var(--link); color: var(--ground); border-color: var(--link); }
.status { font-weight: 600; white-space: nowrap; }
.status.completed { color: var(--completed); } .status.failed { color: var(--failed); } .status.cancelled { color: var(--cancelled); }
.status.working { color: var(--working); } .status.input_required, .status.waiting { color: var(--input); } .status.skipped { color: var(--skipped); }
.soft { color: var(--soft); }
.error { color: var(--failed); overflow-wrap: anywhere; white-space: pre-wrap; }
.mono, pre, code { font-family: ui-monospace, monospace; font-size: 13px; }
pre { background: var(--raised); border: 1px solid var(--line); border-radius: 4px; padding: 8px; margin: 4px 0; max-height: 420px; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
.rows { border: 1px solid var(--line); border-radius: 4px; overflow: auto; height: min(68vh, 900px); position: relative; }
.rows.low { height: min(44vh, 600px); }
.row { display: grid; align-items: center; gap: 8px; height: 34px; padding: 0 8px; border-bottom: 1px solid var(--line); width: 100%; }
.row > * { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; min-width: 0; }
.row.head { background: var(--raised); font-weight: 600; border: 1px solid var(--line); border-bottom: 0; }
.row.picked { background: var(--raised); }
.row button.plain { border: 0; background: none; padding: 0; min-height: 0; text-align: left; color: var(--link); text-decoration: underline; }
.runs .row { grid-template-columns: minmax(110px, 1.2fr) 120px 56px minmax(120px, 2fr) 170px; }
.steps .row { grid-template-columns: minmax(120px, 2fr) 90px 40px 80px minmax(80px, 2fr); }
.journal .row { grid-template-columns: 56px 100px 130px minmax(120px, 1fr) minmax(100px, 2fr); }
.plainlist .row { grid-template-columns: minmax(120px, 1fr) 100px minmax(120px, 2fr) minmax(120px, auto); height: auto; min-height: 34px; padding: 6px 8px; }
.plainlist .row > * { white-space: normal; overflow-wrap: anywhere; }
ul.plainlist { padding: 0; margin: 8px 0; list-style: none; }
.plainlist { border: 1px solid var(--line); border-radius: 4px; }
.track { position: relative; height: 12px; background: var(--raised); border-radius: 3px; }
.track i { position: absolute; top: 0; bottom: 0; min-width: 2px; border-radius: 3px; background: var(--bar); }
.track i.completed { background: var(--bar-completed); } .track i.failed { background: var(--bar-failed); } .track i.waiting { background: var(--bar-waiting); }
.split { display: grid; gap: 16px; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); }
.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 2px 12px; margin: 0; }
.facts dt { color: var(--soft); } .facts dd { margin: 0; overflow-wrap: anywhere; }
.card { border: 1px solid var(--line); border-radius: 6px; padding: 12px; margin: 8px 0; }
.graph { max-width: 100%; background: #ffffff; border-radius: 4px; }
summary { padding: 6px 0; min-height: 32px; cursor: pointer; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
@media (max-width: 800px) {
  .split { grid-template-columns: minmax(0, 1fr); }
  .runs .row { grid-template-columns: minmax(90px, 1fr) 104px 44px; } .runs .row > :nth-child(n + 4) { display: none; }
  .steps .row { grid-template-columns: minmax(100px, 1fr) 84px 30px; } .steps .row > :nth-child(n + 4) { display: none; }
  .journal .row { grid-template-columns: 40px 110px minmax(80px, 1fr); } .journal .row > :nth-child(2), .journal .row > :nth-child(5) { display: none; }
  .plainlist .row { grid-template-columns: minmax(0, 1fr); }
}
`;
