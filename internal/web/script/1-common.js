// What every page shares. Each file here is one function that runs at once.
(function () {
  "use strict";
  var root = document.documentElement;
  root.classList.add("script"); // styles show what only a script can do

  // A form that has been sent is not sent twice by an impatient finger.
  document.addEventListener("submit", function (e) {
    var form = e.target;
    if (e.defaultPrevented || form.method !== "post") return;
    if (form.dataset.sent) { e.preventDefault(); return; }
    form.dataset.sent = "yes";
    setTimeout(function () { delete form.dataset.sent; }, 5000);
  });
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-sent]").forEach(function (f) { delete f.dataset.sent; });
  });

  // What a button of a page can only do by a script is shown with one.
  document.querySelectorAll("[data-print]").forEach(function (button) {
    button.hidden = false;
    button.addEventListener("click", function () { window.print(); });
  });

  // A script says aloud what has changed on a page that stays: say("words").
  window.say = function (words) {
    var box = document.getElementById("said");
    if (!box) return;
    box.textContent = "";
    setTimeout(function () { box.textContent = words; }, 50);
  };

  // After htmx has put in a new main part, reading goes on at its beginning.
  document.addEventListener("htmx:afterSettle", function (e) {
    if (e.target.id !== "main") return;
    var first = e.target.querySelector("[autofocus]") || e.target;
    first.focus({ preventScroll: false });
  });
})();
