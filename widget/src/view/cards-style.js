// The look of the cards; their colours are those of style.js.
// Must load nothing.

export const cardsCss = `
.card { border: 1px solid var(--line); border-block-start: 3px solid var(--brass); border-radius: 14px; padding: 14px 16px 16px; background: var(--wash) }
.label { font: 600 16.5px/1.35 var(--display); padding-block: 2px 8px }
dl { display: grid; grid-template-columns: auto 1fr; gap: 3px 14px; font-size: 13.5px; padding-block-end: 12px }
dt { color: var(--soft) } dt::first-letter { text-transform: uppercase }
dd { font-variant-numeric: tabular-nums }
.acts { display: flex; flex-wrap: wrap; gap: 8px }
.card form { display: grid; gap: 9px; font-size: 14px } .card label { color: var(--soft) }
.card input { display: block; width: 100%; font: 16px var(--font); color: var(--ink); background: none; border: 1px solid var(--line); border-radius: 9px; padding: 9px 11px; margin-block-start: 3px }
.card form button { justify-content: center; text-align: center }
.attach { flex: none; align-self: center; width: 36px; height: 36px; border: 0; border-radius: 9px; background: none; color: var(--soft); font: 20px/1 var(--font); cursor: pointer }
.attach:focus-visible { outline: 2px solid var(--ink); outline-offset: -2px }
.attach-note { font-size: 12.5px; color: var(--soft); padding: 0 4px 6px }
.files { display: flex; flex-wrap: wrap; gap: 6px; padding-block-start: 4px }
.files img { display: block; width: auto; height: auto; max-width: 180px; max-height: 180px; border-radius: 10px; border: 1px solid var(--line) }
.wrong { color: var(--bad) }
.until, .card .state { font-size: 12.5px; color: var(--soft); padding-block-start: 8px }
`;
