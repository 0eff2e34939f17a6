// Taking everything away: how far it has come is told on the page while the file
// comes.
(function () {
  "use strict";
  var told = 0, quiet = 0;

  function look(form, box) {
    fetch(form.dataset.progress, { credentials: "same-origin" }).then(function (r) { return r.ok ? r.text() : ""; }).then(function (text) {
      var fresh = new DOMParser().parseFromString(text, "text/html").getElementById("export-progress");
      if (!fresh || !box.isConnected) return;
      box.innerHTML = fresh.innerHTML;
      var bar = box.querySelector("progress");
      if (bar && bar.value >= told + 25) { told = bar.value; window.say(box.querySelector("label").textContent); }
      if ("going" in fresh.dataset || ++quiet < 3) { setTimeout(function () { look(form, box); }, 2000); return; }
      window.say(box.textContent.trim());
    }).catch(function () {}); // offline: the page stays as it is
  }

  document.addEventListener("submit", function (e) {
    var form = e.target.closest(".export"), box = document.getElementById("export-progress");
    if (e.defaultPrevented || !form || !box) return;
    told = 0;
    quiet = 0;
    window.say(form.dataset.begins);
    setTimeout(function () { look(form, box); }, 1500);
  });
  var form = document.querySelector(".export"), box = document.querySelector("#export-progress[data-going]");
  if (form && box) setTimeout(function () { look(form, box); }, 2000);
})();
