// Passkeys (WebAuthn). A form with data-passkey="get" or "create" is shown where
// the browser has them; its button asks the address of the form, "/question"
// added, and sends the form with the answer.
(function () {
  "use strict";
  if (!window.PublicKeyCredential || !navigator.credentials) return;

  function bytes(text) {
    var raw = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    var out = new Uint8Array(raw.length);
    for (var i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
    return out;
  }
  function text(buffer) {
    var raw = "";
    new Uint8Array(buffer).forEach(function (b) { raw += String.fromCharCode(b); });
    return btoa(raw).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  // read makes of the options what the browser wants: bytes.
  function read(options) {
    var key = options.publicKey;
    key.challenge = bytes(key.challenge);
    if (key.user) key.user.id = bytes(key.user.id);
    (key.allowCredentials || []).concat(key.excludeCredentials || []).forEach(function (c) { c.id = bytes(c.id); });
    return options;
  }

  // write makes of a credential what the door reads: text.
  function write(credential) {
    var given = credential.response, response = { clientDataJSON: text(given.clientDataJSON) };
    ["attestationObject", "authenticatorData", "signature", "userHandle"].forEach(function (name) {
      if (given[name]) response[name] = text(given[name]);
    });
    if (given.getTransports) response.transports = given.getTransports();
    return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response: response,
      authenticatorAttachment: credential.authenticatorAttachment || undefined,
      clientExtensionResults: credential.getClientExtensionResults() });
  }

  async function question(form) {
    var reply = await fetch(form.getAttribute("action") + "/question", {
      method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "application/json" }, redirect: "error"
    });
    var said = await reply.json();
    if (!reply.ok) throw { told: said.wrong };
    return said;
  }

  async function show(form) {
    var out = form.querySelector("[data-said]"), button = form.querySelector("button");
    out.textContent = "";
    button.disabled = true;
    try {
      var asked = await question(form), options = read(asked.options);
      var made = await (form.dataset.passkey === "create" ? navigator.credentials.create(options) : navigator.credentials.get(options));
      form.elements.ceremony.value = asked.ceremony;
      form.elements.answer.value = write(made);
      form.submit();
    } catch (wrong) {
      out.textContent = wrong.told || form.dataset[wrong.name === "InvalidStateError" ? "already" : wrong.name === "NotAllowedError" ? "cancelled" : "failed"] || form.dataset.failed;
      button.disabled = false;
      button.focus();
    }
  }

  document.querySelectorAll("form[data-passkey]").forEach(function (form) {
    form.hidden = false;
    form.addEventListener("submit", function (e) {
      e.preventDefault();
      show(form);
    });
  });
  document.querySelectorAll("[data-without-passkey]").forEach(function (e) { e.hidden = true; });
})();
