// The launcher's look as one string, for adoptedStyleSheets: no style element, no style attribute, no request.
// Must not name a shop's colours: everything that a shop may set is a custom property with a default here.

/** The launcher: a counter bell's dome. */
export const launcherCss = `
:host {
  --accent: var(--shopbell-accent, var(--sb-accent, #1f4d43));
  --on-accent: var(--shopbell-accent-text, var(--sb-on-accent, #fff));
  --brass: #e3ac4b;
  --edge: var(--shopbell-edge, 20px);
  all: initial;
  position: fixed; inset-block-end: 0; inset-inline-end: 0; width: 0; height: 0;
  z-index: var(--shopbell-z, 2147483000);
  font: 400 15px/1.5 var(--shopbell-font, system-ui, sans-serif);
}
:host([hidden]) { display: none }
*, ::before, ::after { box-sizing: border-box }
button { font: inherit; color: inherit; background: none; border: 0; padding: 0; margin: 0; cursor: pointer; touch-action: manipulation; -webkit-tap-highlight-color: transparent }
.icon { width: 20px; height: 20px; fill: none; stroke: currentColor; stroke-width: 1.7; stroke-linecap: round; stroke-linejoin: round; flex: none; display: block }
.launcher {
  position: fixed; inset-block-end: calc(var(--edge) + env(safe-area-inset-bottom, 0px)); right: calc(var(--edge) + env(safe-area-inset-right, 0px));
  width: 62px; height: 58px; display: grid; place-items: center;
  border-radius: 31px 31px 15px 15px; background: var(--accent); color: var(--on-accent);
  box-shadow: 0 2px 5px rgb(40 30 10 / .2), 0 10px 26px rgb(40 30 10 / .24);
  transition: transform .18s cubic-bezier(.2, .7, .2, 1), box-shadow .18s;
}
:host([side=left]) .launcher { right: auto; left: calc(var(--edge) + env(safe-area-inset-left, 0px)) }
.launcher:hover { transform: translateY(-2px) }
.launcher:active { transform: scale(.97) }
.launcher:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; box-shadow: 0 0 0 3px #fff }
.launcher .icon { width: 30px; height: 30px; stroke-width: 1.55; transform-origin: 50% 16% }
.launcher .icon.open { display: none }
.launcher[aria-expanded=true] .icon { display: none }
.launcher[aria-expanded=true] .icon.open { display: block }
.launcher:hover .icon.ring, .launcher.ring .icon.ring { animation: ring .7s ease-in-out }
.launcher[aria-busy=true] .icon { animation: wait 1.1s ease-in-out infinite }
.badge {
  position: absolute; top: -4px; right: -4px; min-width: 22px; height: 22px; padding: 0 6px; border-radius: 11px;
  background: var(--brass); color: #241a08; font-size: 12px; font-weight: 700; line-height: 22px; font-variant-numeric: tabular-nums; text-align: center;
  box-shadow: 0 0 0 2.5px var(--paper, #fff);
}
.badge:empty { display: none }
@keyframes ring { 0%, 100% { transform: none } 20% { transform: rotate(11deg) } 45% { transform: rotate(-9deg) } 70% { transform: rotate(5deg) } 88% { transform: rotate(-2deg) } }
@keyframes wait { 50% { opacity: .35 } }
@media (max-width: 520px) { .launcher[aria-expanded=true] { visibility: hidden } }
@media (prefers-reduced-motion: reduce) { *, ::before, ::after { animation: none !important; transition: none !important } }
@media (forced-colors: active) { .launcher { border: 2px solid ButtonText; } .badge { border: 1px solid } }
@media print { :host { display: none !important } }
`;
