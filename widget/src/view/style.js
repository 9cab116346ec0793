// The look of the opened chat; its colours and sizes are the properties of ../style.js.
// Must hold no shop's colours and load nothing.

export const chatCss = `
:host {
  --mark: var(--sb-mark, var(--accent));
  --wash: color-mix(in srgb, var(--paper) 95.5%, #6b4a10);
  --ink: var(--shopbell-text, var(--sb-ink, #241f19));
  --soft: color-mix(in srgb, var(--ink) 68%, var(--paper));
  --tint: color-mix(in srgb, var(--accent) 10%, var(--paper));
  --bad: #9c3419;
  --font: var(--shopbell-font, ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif);
  --display: var(--shopbell-font-display, var(--shopbell-font, ui-serif, "Iowan Old Style", "Palatino Linotype", Palatino, "Noto Serif", Georgia, serif));
  color: var(--ink);
}
:host([dark]) {
  --wash: color-mix(in srgb, var(--paper) 93%, #fff);
  --ink: var(--shopbell-text-dark, var(--sb-ink-dark, #f3eee5));
  --tint: color-mix(in srgb, var(--accent) 34%, var(--paper));
  --bad: #f0a08a;
  --brass: #e6b45c;
}
:focus-visible { outline: 2px solid var(--mark); outline-offset: 2px }
.hide { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
.panel { color: var(--ink); font-family: var(--sb-font, var(--font)); text-align: start; overflow-wrap: anywhere }
.panel.opening { animation: rise .22s cubic-bezier(.2, .8, .2, 1) }
p, ul, ol, dl, dd, h2, blockquote, pre { margin: 0; padding: 0 }

.head { position: relative; display: flex; align-items: center; gap: 12px; padding-block: 16px 14px; padding-inline: 18px 14px; border-block-end: 1px solid var(--line); flex: none }
.logo { width: 38px; height: 36px; display: grid; place-items: center; border-radius: 19px 19px 10px 10px; background: var(--tint); color: var(--mark); overflow: hidden; flex: none }
.logo .icon { width: 21px; height: 21px }
.logo img { width: 38px; height: 36px; object-fit: cover }
.heads { flex: 1; min-width: 0 }
h2 { font: 600 17px/1.25 var(--display); white-space: nowrap; overflow: hidden; text-overflow: ellipsis }
.status { display: flex; align-items: center; gap: 6px; margin-block-start: 2px; font-size: 12.5px; line-height: 1.35; color: var(--soft) }
.presence { width: 7px; height: 7px; border-radius: 50%; background: var(--soft); flex: none }
.presence.agent, .presence.staff { background: #4f9a6b }
.presence.waiting { background: var(--brass) }
.presence.away, .presence.closed { background: none; box-shadow: 0 0 0 1.5px var(--soft) inset }
.round { width: 36px; height: 36px; display: grid; place-items: center; border-radius: 50%; color: var(--soft); transition: background .12s, color .12s }
.round:hover, .round[aria-expanded=true] { background: var(--wash); color: var(--ink) }
.round + .round { margin-inline-start: -8px }
.dots { stroke-width: 2.6 }

.banner { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: 2px 12px; padding: 8px 20px; font-size: 13px; line-height: 1.4; background: var(--wash); color: var(--soft); border-block-end: 1px solid var(--line); flex: none }
.banner:empty, .typing:empty, .hello:empty { display: none }
.banner.refused, .banner.broken, .banner.outdated { color: var(--bad) }
.link { color: var(--mark); font-weight: 600; text-decoration: underline; min-height: 24px }

.middle { position: relative; flex: 1; min-height: 0; display: flex }
.log { flex: 1; min-width: 0; overflow-y: auto; overscroll-behavior: contain; padding: 20px 20px 12px; scrollbar-width: thin; scrollbar-color: var(--line) transparent; display: flex; flex-direction: column }
.log:focus-visible { outline-offset: -3px }
.log.quiet { outline: 0 }
.fresh .bell { width: 46px; height: 46px; stroke-width: 1.05; color: color-mix(in srgb, var(--brass) 85%, var(--ink)); margin-block-end: 14px; margin-inline-start: -5px }
.greeting { font: 400 16px/1.5 var(--display); color: var(--soft); padding-block-end: 4px }
.hello.fresh { margin-block: auto 0; padding-block-start: 12px }
.fresh .greeting { font-size: 25px; line-height: 1.28; color: var(--ink); padding-block-end: 22px; text-wrap: balance; max-width: 17em }
.starters { border-block-start: 1px solid var(--line) }
.starter { display: flex; align-items: center; justify-content: space-between; gap: 12px; width: 100%; min-height: 50px; padding: 9px 2px; border-block-end: 1px solid var(--line); text-align: start; line-height: 1.4; transition: color .12s, padding .16s }
.starter .icon { width: 17px; height: 17px; color: var(--soft); transition: transform .16s, color .12s }
.starter:hover { color: var(--mark); padding-inline-start: 7px }
.starter:hover .icon { color: var(--mark) }
[dir=rtl] .turn { scale: -1 1 }
.small { padding-block: 14px 4px; font-size: 12px; line-height: 1.45; color: var(--soft) }

.item { flex: none }
.day, .unread, .line, .note { display: flex; justify-content: center; flex-wrap: wrap; gap: 4px 10px; padding-block: 16px 6px; font-size: 12.5px; line-height: 1.45; color: var(--soft); text-align: center }
.line, .note { padding-inline: 12px }
.unread { align-items: center; flex-wrap: nowrap; color: var(--mark); font-weight: 600 }
.unread::before, .unread::after { content: ""; flex: 1; height: 1px; background: currentColor; opacity: .3 }
.message { padding-block-start: 5px }
.message.first { padding-block-start: 16px }
.who { display: flex; align-items: center; gap: 8px; font-size: 12.5px; font-weight: 600; color: var(--soft); padding-block-end: 5px }
.kind { font-weight: 400 }
.face { width: 22px; height: 21px; display: grid; place-items: center; border-radius: 11px 11px 6px 6px; background: var(--tint); color: var(--mark); font-size: 11.5px; font-weight: 700; line-height: 1; flex: none }
.face .icon { width: 14px; height: 14px; stroke-width: 2 }
.customer { display: flex; flex-direction: column; align-items: flex-end }
.customer .text { max-width: 86%; padding: 9px 14px 10px; border-radius: 18px; background: var(--tint); white-space: pre-wrap }
.customer.last .text { border-end-end-radius: 6px }
.customer.bad .text { box-shadow: 0 0 0 1px var(--bad) inset }
.agent .text, .staff .text { max-width: 62ch }
.text > * + *, .text li > * + * { margin-block-start: 9px }
.text li + li { margin-block-start: 4px }
.text ul, .text ol { padding-inline-start: 20px }
.short { columns: 2; column-gap: 24px }
.short li { break-inside: avoid }
.text li::marker { color: var(--soft); font-variant-numeric: tabular-nums }
.text strong { font-weight: 650 }
.text .h1, .text .h2 { font: 600 16.5px/1.35 var(--display) }
.text > .h:not(:first-child) { margin-block-start: 15px }
.text a { color: var(--mark); text-decoration-thickness: 1px; text-underline-offset: 3px }
.text code { font: 13px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; background: var(--wash); padding: 1px 5px; border-radius: 5px }
.text pre { background: var(--wash); border-radius: 10px; padding: 10px 13px; overflow-x: auto; overflow-wrap: normal }
.text pre code { background: none; padding: 0; white-space: pre }
.text blockquote { padding-inline-start: 13px; border-inline-start: 2px solid var(--brass); color: var(--soft) }
.text hr { border: 0; border-block-start: 1px solid var(--line); margin-block: 13px }
.table { overflow-x: auto }
table { border-collapse: collapse; font-size: 13.5px; line-height: 1.4; width: 100% }
th, td { text-align: start; padding: 6px 0; padding-inline-end: 12px; border-block-end: 1px solid var(--line); vertical-align: top; font-variant-numeric: tabular-nums }
:is(th, td):last-child { padding-inline-end: 0 !important }
th { font-weight: 600; color: var(--soft); font-size: 12.5px }
.end { text-align: end } .center { text-align: center }
.live .text > :last-child::after { content: ""; display: inline-block; width: 7px; height: 7px; margin-inline-start: 5px; border-radius: 50%; background: var(--brass); vertical-align: 1px; animation: breathe 1.1s ease-in-out infinite }
.chip { margin-inline: 2px 1px; padding: 2px 5px; border-radius: 6px; background: var(--wash); box-shadow: 0 0 0 1px var(--line) inset; color: var(--mark); font: 650 11px/1 var(--font); font-variant-numeric: tabular-nums; text-align: center; text-decoration: none !important; vertical-align: 2px; position: relative }
a.chip::before, button.chip::before { content: ""; position: absolute; inset: -5px -3px }
a.chip:hover, button.chip:hover { background: var(--mark); color: var(--paper); box-shadow: none }
.sources { list-style: none; display: flex; flex-wrap: wrap; gap: 2px 14px; padding-block-start: 9px; font-size: 13px; line-height: 1.4 }
.sources :is(a, li > span) { display: inline-flex; gap: 6px; align-items: baseline; min-height: 26px; color: var(--soft); text-decoration: none }
.sources a:hover { color: var(--mark); text-decoration: underline }
.num { color: var(--mark); font: 650 11px/1.5 var(--font); font-variant-numeric: tabular-nums }
.choices { display: flex; flex-wrap: wrap; gap: 8px; padding-block-start: 12px }
.choice { min-height: 40px; padding: 7px 16px; border-radius: 20px; border: 1px solid color-mix(in srgb, var(--mark) 45%, var(--paper)); color: var(--mark); font-weight: 500; text-align: start; line-height: 1.35; transition: background .12s }
.choice:hover:not([disabled]) { background: var(--tint) }
.choice[disabled] { color: var(--soft); border-color: var(--line); cursor: default }
.meta { display: flex; align-items: center; gap: 5px; min-height: 30px; padding-block-start: 3px; font-size: 12px; line-height: 1.4; color: var(--soft); font-variant-numeric: tabular-nums }
.meta > .icon { width: 13px; height: 13px; stroke-width: 2 }
.bad .meta { color: var(--bad) }
.tools { display: flex; margin-inline-start: 4px; opacity: 0; transition: opacity .12s }
.item:last-child .tools, .message:is(:hover, :focus-within) .tools { opacity: 1 }
.tool { width: 30px; height: 30px; display: grid; place-items: center; border-radius: 8px; color: var(--soft) }
.tool .icon { width: 15px; height: 15px }
.tool:hover { background: var(--wash); color: var(--ink) }
.tool[aria-pressed=true] { color: var(--mark) }
.tool[aria-pressed=true] .icon { fill: color-mix(in srgb, var(--mark) 25%, transparent) }

.work { padding-block-start: 14px; font-size: 13px; line-height: 1.45; color: var(--soft) }
.work + .message.agent.first { padding-block-start: 9px }
.now { display: inline-flex; align-items: center; gap: 9px; min-height: 28px; max-width: 100% }
summary { list-style: none; cursor: pointer; border-radius: 8px }
summary::-webkit-details-marker { display: none }
summary .icon { width: 14px; height: 14px; transition: transform .15s }
summary:hover { color: var(--ink) }
details[open] summary .icon { transform: rotate(90deg) }
.dot { width: 7px; height: 7px; margin-inline: 7px 8px; border-radius: 50%; background: var(--line); flex: none }
.dot.busy { background: var(--brass); animation: breathe 1.1s ease-in-out infinite }
.dot.failed { background: var(--bad) }
.work ul { list-style: none; padding-block: 2px 4px; margin-inline-start: 10px; border-inline-start: 1px solid var(--line) }
.work li { display: flex; gap: 8px; padding: 3px 0; padding-inline-start: 14px }
.work li .icon { width: 14px; height: 14px; margin-block-start: 3px; stroke-width: 2 }
.work li.failed { color: var(--bad) }
.thought { white-space: pre-wrap; font-style: italic }

.jump { position: absolute; inset-block-end: 10px; inset-inline-start: 50%; translate: -50% 0; display: flex; align-items: center; gap: 6px; min-height: 36px; min-width: 36px; padding: 0 8px; border-radius: 18px; background: var(--paper); color: var(--mark); box-shadow: var(--shadow); font-size: 13px; font-weight: 600 }
[dir=rtl] .jump { translate: 50% 0 }
.middle:has(.fresh) .jump { display: none }
.jump span { padding-inline-end: 6px }

.composer { padding: 10px 14px 14px; flex: none }
.field { position: relative; display: flex; align-items: flex-end; gap: 6px; padding: 5px; padding-inline-start: 16px; border: 1px solid color-mix(in srgb, var(--line) 70%, var(--soft)); border-radius: 24px; background: var(--paper); transition: border-color .12s }
.field:focus-within { border-color: var(--mark); box-shadow: 0 0 0 1px var(--mark) }
textarea { flex: 1; min-width: 0; max-height: 132px; padding: 7px 0; margin: 0; border: 0; outline: 0 !important; resize: none; background: none; color: inherit; font: inherit; font-size: 15px; line-height: 22px; scrollbar-width: thin }
textarea::placeholder { color: var(--soft); opacity: 1 }
.send { width: 36px; height: 36px; display: grid; place-items: center; border-radius: 18px 18px 10px 10px; background: var(--accent); color: var(--on-accent); flex: none; transition: background .15s, color .15s }
.send[aria-disabled=true] { background: var(--wash); color: var(--soft); cursor: default }
.send.stopping { background: var(--wash); color: var(--ink); border-radius: 18px; box-shadow: 0 0 0 1px var(--line) inset }
.send.stopping .icon { fill: currentColor; width: 18px }
.count { position: absolute; inset-block-end: 100%; inset-inline-end: 12px; padding: 0 6px; font-size: 12px; background: var(--paper); color: var(--soft); font-variant-numeric: tabular-nums }
.count.bad { color: var(--bad); font-weight: 600 }

@keyframes rise { from { opacity: 0; transform: translateY(10px) scale(.985) } }
@keyframes breathe { 50% { opacity: .3; transform: scale(.8) } }
@media (max-width: 520px) {
  .panel { padding-block-start: env(safe-area-inset-top, 0px); padding-inline: env(safe-area-inset-left, 0px) env(safe-area-inset-right, 0px) }
  .composer { padding-block-end: calc(12px + env(safe-area-inset-bottom, 0px)) }
  /* 16 px: below it phones zoom into the field. */
  textarea { font-size: 16px }
}
@media (pointer: coarse), (max-width: 520px) {
  .round, .send, .tool { width: 44px; height: 44px }
  .send { border-radius: 22px 22px 13px 13px } .send.stopping { border-radius: 22px }
  .field { border-radius: 28px } textarea { padding-block: 11px }
  .choice, .jump { min-height: 44px; border-radius: 22px }
  .jump { min-width: 44px; padding-inline: 12px }
  .now, .link, .sources :is(a, li > span) { min-height: 44px; align-items: center }
  .meta:has(button) { min-height: 44px } .tools { opacity: 1 }
  a.chip::before, button.chip::before { inset: -14px -13px }
}
@media (max-height: 460px) { .panel { inset-block-end: 8px; height: calc(100dvh - 16px) } .fresh .greeting { font-size: 19px; padding-block-end: 10px } }
@media (forced-colors: active) {
  .panel, .jump { border: 1px solid CanvasText }
  .customer .text, .chip, .choice, .send, .tool, .logo { border: 1px solid CanvasText }
  .send { forced-color-adjust: none; background: ButtonFace; color: ButtonText }
}
`;
