// The chat module, served as /widget/<hash>.js: hands its mount function to the loader's element.
// Must not do anything else when it is loaded: it may be fetched long before anybody opens the chat.

import { App } from "./app.js";

/** @param {any} host */
function mount(host) {
  const app = new App(host);
  return {
    open: (/** @type {boolean} */ focus) => app.panel.show(focus),
    close: () => app.panel.hide(),
    update: () => app.update(),
    stop: () => app.stop(),
    identify: (/** @type {any} */ identity) => app.identify(identity),
    paint: () => app.panel.paint(),
    logout: () => app.logout(),
    prefill: (/** @type {string} */ text) => app.panel.prefill(text),
    send: (/** @type {string} */ text) => app.say(text),
  };
}

/** @type {any} */ (customElements.get("shopbell-chat")).mount = mount;
