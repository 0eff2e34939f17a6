// Keys for those who want them: off until somebody switches them on, on this
// device (WCAG 2.1.4). Everything they do, a page does without them.
(function () {
  "use strict";
  var dialog = document.getElementById("mail-keys");
  if (!dialog) return;
  var name = "mail-keys", box = document.getElementById("mail-keys-on");
  function on() { try { return localStorage.getItem(name) === "on"; } catch (e) { return false; } }
  box.checked = on();
  box.addEventListener("change", function () {
    try { if (box.checked) localStorage.setItem(name, "on"); else localStorage.removeItem(name); } catch (e) { box.checked = false; }
  });
  document.getElementById("mail-keys-open").addEventListener("click", function () { dialog.showModal(); });

  var rows = Array.from(document.querySelectorAll(".thread"));
  var messages = Array.from(document.querySelectorAll(".message > summary"));
  function step(by) {
    var list = rows.length ? rows.map(function (r) { return r.querySelector("a"); }) : messages;
    if (!list.length) return;
    var now = list.indexOf(document.activeElement);
    var next = list[Math.max(0, Math.min(list.length - 1, now < 0 ? 0 : now + by))];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  }
  function press(selector) { var b = document.querySelector(selector); if (b) b.click(); }
  var does = {
    j: function () { step(1); },
    k: function () { step(-1); },
    o: function () { if (document.activeElement) document.activeElement.click(); },
    x: function () {
      var row = document.activeElement && document.activeElement.closest(".thread");
      var tick = row && row.querySelector("[name=fil]");
      if (tick) tick.click();
    },
    r: function () { press("#answer"); },
    e: function () { press(".thread-page [name=faire][value=archiver], .sorting:has([name=fil]:checked) [value=archiver]"); },
    u: function () { press(".thread-page .crumb a"); },
    "/": function () { var s = document.getElementById("mots"); if (s) s.focus(); },
    "?": function () { dialog.showModal(); }
  };
  document.addEventListener("keydown", function (e) {
    if (!on() || e.ctrlKey || e.metaKey || e.altKey || dialog.open || e.defaultPrevented) return;
    if (e.target.closest("input, textarea, select, [contenteditable]") && e.target.type !== "checkbox") return;
    var act = does[e.key];
    if (!act) return;
    e.preventDefault();
    act();
  });
})();
