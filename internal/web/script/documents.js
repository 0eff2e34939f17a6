// Documents: files dropped on the form, their names, and how far they have come.
(function () {
  "use strict";

  // list shows the files that are chosen, and says before they are sent that they
  // are too many bytes.
  function list(form, input) {
    var box = form.querySelector(".chosen"), wrong = form.querySelector(".too-large"), bytes = 0;
    box.textContent = "";
    Array.prototype.forEach.call(input.files, function (f) {
      var li = document.createElement("li");
      li.textContent = f.name;
      box.appendChild(li);
      bytes += f.size;
    });
    wrong.hidden = bytes <= Number(form.dataset.most);
    wrong.textContent = wrong.hidden ? "" : form.dataset.large;
    if (input.files.length && wrong.hidden) window.say(form.dataset.chosen + ": " + input.files.length);
  }

  // show puts the answer of the server in the place of the page.
  function show(text) {
    var page = new DOMParser().parseFromString(text, "text/html");
    var fresh = page.getElementById("main");
    if (!fresh) { location.reload(); return; }
    document.title = page.title;
    document.getElementById("main").replaceWith(fresh);
    start();
    var first = fresh.querySelector(".errors") || fresh;
    first.focus();
    window.scrollTo(0, 0);
    var told = fresh.querySelector("[role=status]");
    if (told) window.say(told.textContent);
  }

  function send(form) {
    var bar = form.querySelector(".sending"), progress = bar.querySelector("progress"), told = 0;
    var request = new XMLHttpRequest();
    var failed = function () {
      bar.hidden = true;
      delete form.dataset.sent;
      form.querySelectorAll("button").forEach(function (b) { b.disabled = false; });
      window.say(form.dataset.failed);
      window.alert(form.dataset.failed);
    };
    request.upload.onprogress = function (e) {
      if (!e.lengthComputable) return;
      var part = Math.floor(100 * e.loaded / e.total);
      if (part < 100) progress.value = part; else progress.removeAttribute("value"); // now it is looked at
      if (part >= told + 25) { told = part; window.say(form.dataset.sending + " " + part + " %"); }
    };
    request.onload = function () {
      if (request.responseURL !== form.action) { location.assign(request.responseURL); return; } // the session is over
      show(request.responseText);
    };
    request.onerror = failed;
    request.ontimeout = failed;
    request.open("POST", form.action);
    var data = new FormData(form);
    bar.hidden = false;
    form.querySelectorAll("button").forEach(function (b) { b.disabled = true; });
    window.say(form.dataset.sending);
    request.send(data);
  }

  function start() {
    var form = document.querySelector("form.deposit");
    if (!form || form.dataset.ready) return;
    form.dataset.ready = "yes";
    var input = form.querySelector("input[type=file]"), drop = form.querySelector(".drop");
    input.addEventListener("change", function () { list(form, input); });
    ["dragenter", "dragover"].forEach(function (kind) {
      drop.addEventListener(kind, function (e) { e.preventDefault(); drop.classList.add("over"); });
    });
    ["dragleave", "drop"].forEach(function (kind) {
      drop.addEventListener(kind, function (e) { e.preventDefault(); drop.classList.remove("over"); });
    });
    drop.addEventListener("drop", function (e) {
      if (!e.dataTransfer.files.length) return;
      input.files = e.dataTransfer.files;
      list(form, input);
    });
    form.addEventListener("submit", function (e) {
      e.preventDefault();
      if (!form.querySelector(".too-large").hidden) { input.focus(); return; }
      send(form);
    });
  }

  start();
})();
