// The look of what few visits need; its colours are those of style.js.
// Must load nothing.

export const cardsCss = `
.ask { padding-block-start: 16px }
.over { font-size: 12.5px; font-weight: 600; color: var(--soft) }
.card { border: 1px solid var(--line); border-block-start: 3px solid var(--brass); border-radius: 14px; padding: 14px 16px 16px; background: var(--wash) }
.label { font: 600 16.5px/1.35 var(--display); padding-block: 2px 8px }
dl { display: grid; grid-template-columns: auto 1fr; gap: 3px 14px; font-size: 13.5px; padding-block-end: 12px }
dt { color: var(--soft) }
dd { font-variant-numeric: tabular-nums; white-space: pre-line; overflow-wrap: anywhere } dd dl { padding: 0 }
mark { border: 1px solid; border-radius: 4px; padding: 0 3px; background: none; color: inherit; font: 11px ui-monospace, monospace }
.acts { display: flex; flex-wrap: wrap; gap: 8px }
.acts .choice:not(.solid, [disabled]) { color: var(--ink); border-color: color-mix(in srgb, var(--ink) 45%, var(--paper)) }
.card form { display: grid; gap: 9px; font-size: 14px } .card label { color: var(--soft) }
.card input { display: block; width: 100%; font: 16px var(--font); color: var(--ink); background: none; border: 1px solid var(--line); border-radius: 9px; padding: 9px 11px; margin-block-start: 3px }
.card form button { justify-content: center; text-align: center }
.attach { flex: none; align-self: center; width: 36px; height: 36px; border: 0; border-radius: 9px; background: none; color: var(--soft); font: 20px/1 var(--font); cursor: pointer }
.attach:focus-visible { outline: 2px solid var(--ink); outline-offset: -2px }
.attach-note { font-size: 12.5px; color: var(--soft); padding: 0 4px 6px }
.files { display: flex; flex-wrap: wrap; gap: 6px; padding-block-start: 4px }
.files img { display: block; width: auto; height: auto; max-width: 180px; max-height: 180px; border-radius: 10px; border: 1px solid var(--line) }
.solid, .solid:hover:not([disabled]) { background: var(--accent); border-color: transparent; color: var(--on-accent) }
.rating { padding-block: 16px 6px; text-align: center }
.rating .choices { justify-content: center; padding-block: 9px 3px }
.rating .choice { min-width: 44px; padding-inline: 0; text-align: center }
.ends { display: flex; justify-content: space-between; width: 252px; margin: auto; font-size: 12px; color: var(--soft) }

.menu { position: absolute; z-index: 3; top: calc(100% - 8px); inset-inline-end: 14px; min-width: 220px; padding: 6px; border-radius: 14px; background: var(--paper); box-shadow: var(--shadow) }
.menu button { display: flex; align-items: center; gap: 10px; width: 100%; min-height: 44px; padding: 0 12px; border-radius: 9px; text-align: start }
.menu button:hover:not([disabled]) { background: var(--wash) }
.menu button[disabled] { color: var(--soft); cursor: default }

/* A person is round and has a bubble; the agent has the bell's dome and none. */
.face[data-initials] { position: relative; border-radius: 50%; width: 24px; height: 24px; overflow: hidden; background: var(--accent); color: var(--on-accent); font-size: 10.5px; letter-spacing: .02em }
.face[data-initials]::before { content: attr(data-initials) }
.face img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: cover }
.head > .face[data-initials] { width: 38px; height: 38px; font-size: 14px }
.staff .who { color: var(--ink) }
.staff .text { width: fit-content; padding: 9px 14px 10px; border: 1px solid var(--line); border-radius: 18px; background: var(--wash) }
.staff.last .text { border-end-start-radius: 6px }
.note { align-items: center } .note:has(.face) { flex-wrap: nowrap }
.seen { padding-block-start: 2px; text-align: end; font-size: 12px; color: var(--soft) }
.typing { display: flex; align-items: center; gap: 8px; padding-block: 14px 4px; font-size: 13px; color: var(--soft) }
.dots3 { display: flex; gap: 4px }
.dots3 i { width: 5px; height: 5px; border-radius: 50%; background: var(--brass); animation: breathe 1.1s ease-in-out infinite }
.dots3 i + i { animation-delay: .18s }
.dots3 i + i + i { animation-delay: .36s }
.popover { position: absolute; z-index: 4; width: max-content; max-width: min(300px, 100% - 24px); padding: 11px 14px 12px; border-radius: 12px; background: var(--paper); box-shadow: var(--shadow); font-size: 13px; line-height: 1.45; pointer-events: none; display: grid; gap: 4px }
.popover q { color: var(--soft) }
.wrong { color: var(--bad) }
.until, .card .state { font-size: 12.5px; color: var(--soft); padding-block-start: 8px }
@media (forced-colors: active) {
  .menu, .popover, .face[data-initials], .staff .text { border: 1px solid CanvasText }
  .solid { forced-color-adjust: none; background: ButtonFace; color: ButtonText }
}
`;
