// Writing: the draft is kept while somebody writes, files are joined as they are
// chosen, and the seconds are counted before a message leaves.
(function () {
  "use strict";
  var form = document.getElementById("write");
  if (form) write(form);
  var leaving = document.getElementById("leaving");
  if (leaving) count(leaving);

  function write(form) {
    var saved = document.getElementById("saved");
    var timer = 0, under = null, last = state(), failing = false, over = false;
    var upload = null, then = null;

    // state is what is kept of the form, without files and half written names.
    function data() {
      var all = new FormData(form);
      all.delete("files");
      all.delete("recipient");
      return all;
    }
    function state() { return new URLSearchParams(data()).toString(); }

    function save(leaving) {
      var now = state();
      clearTimeout(timer);
      timer = 0;
      if (over || upload || under || now === last) return;
      under = new AbortController();
      fetch(form.dataset.save, { method: "POST", body: data(), signal: under.signal, keepalive: !!leaving, redirect: "error" }).then(function (answer) {
        if (!answer.ok) throw new Error("not saved");
        return answer.text();
      }).then(function (words) {
        last = now;
        failing = false;
        isKept(words);
      }).catch(function (e) {
        if (e.name === "AbortError" || failing) return;
        failing = true;
        saved.textContent = form.dataset.failed;
      }).then(function () {
        under = null;
        if (state() !== last) soon(failing ? 15000 : calm());
      });
    }
    // calm is how long is waited before the draft is saved: large files are work.
    function calm() { return document.getElementById("files").dataset.large === "true" ? 20000 : 4000; }
    function soon(wait) {
      if (!timer) timer = setTimeout(save, wait);
    }
    // isKept says that the draft is kept: it has an address from now on.
    function isKept(words) {
      if (words) saved.textContent = words;
      history.replaceState(null, "", form.dataset.at);
      document.getElementById("discard").hidden = false;
    }

    form.addEventListener("input", function () { soon(calm()); });
    form.addEventListener("change", function () { soon(calm()); });
    document.addEventListener("visibilitychange", function () {
      if (document.visibilityState === "hidden") save(true);
    });
    form.addEventListener("submit", function (e) {
      if (upload) { // what is on its way comes first
        e.preventDefault();
        then = e.submitter;
        return;
      }
      over = true; // nothing more is saved from here
      clearTimeout(timer);
      if (under) under.abort();
    });
    window.addEventListener("pageshow", function () { over = false; });

    // attach sends files at once, and shows what the draft has of them then.
    function attach(files) {
      var size = 0;
      Array.prototype.forEach.call(files, function (f) { size += f.size; });
      if (!files.length || upload) return;
      if (size > Number(form.dataset.most)) {
        input().value = "";
        tell(form.dataset.large);
        return;
      }
      var body = data(), box = form.querySelector(".under-way"), bar = box.querySelector("progress"), told = 0;
      body.set("act", "attach");
      Array.prototype.forEach.call(files, function (f) { body.append("files", f); });
      if (under) under.abort();
      upload = new XMLHttpRequest();
      upload.upload.onprogress = function (e) {
        if (!e.lengthComputable) return;
        bar.value = Math.floor(100 * e.loaded / e.total);
        if (bar.value >= told + 25) { told = bar.value; window.say(form.dataset.sending + " " + told + " %"); }
      };
      upload.onload = function () {
        var fresh = new DOMParser().parseFromString(upload.responseText, "text/html"), files = fresh.getElementById("files");
        if (!files) { end(form.dataset.unsent); return; }
        document.getElementById("files").replaceWith(files);
        watch();
        isKept((fresh.getElementById("saved") || {}).textContent);
        var news = fresh.querySelector(".errors, .news");
        if (upload.status !== 200) then = null;
        end("");
        if (news) window.say(news.textContent);
        files.focus();
      };
      upload.onerror = upload.ontimeout = function () { end(form.dataset.unsent); };
      upload.onabort = function () { end(""); };
      box.querySelector("button").onclick = function () { upload.abort(); };
      upload.open("POST", form.action);
      tell("");
      bar.value = 0;
      box.hidden = false;
      window.say(form.dataset.sending);
      upload.send(body);
    }
    function end(wrong) {
      var box = form.querySelector(".under-way"), button = then;
      upload = then = null;
      box.hidden = true;
      input().value = "";
      if (wrong) tell(wrong);
      else if (button && button.isConnected) form.requestSubmit(button);
      soon(1000);
    }
    // tell says what is wrong with files, beside them.
    function tell(words) {
      var all = document.getElementById("files"), box = document.getElementById("files-wrong");
      if (box) box.remove();
      if (!words) return;
      box = document.createElement("p");
      box.id = "files-wrong";
      box.className = "wrong";
      box.setAttribute("role", "alert");
      box.textContent = words;
      all.querySelector("legend").after(box);
      box.scrollIntoView({ block: "nearest" });
    }
    function input() { return document.getElementById("chosen"); }
    function watch() {
      input().addEventListener("change", function () { attach(input().files); });
    }
    watch();

    function carries(e) { return e.dataTransfer && Array.prototype.indexOf.call(e.dataTransfer.types, "Files") >= 0; }
    function mark(on) { form.querySelector(".drop").classList.toggle("over", on); }
    ["dragenter", "dragover"].forEach(function (kind) {
      form.addEventListener(kind, function (e) { if (carries(e)) { e.preventDefault(); mark(true); } });
    });
    form.addEventListener("dragleave", function (e) { if (!form.contains(e.relatedTarget)) mark(false); });
    form.addEventListener("drop", function (e) {
      if (!carries(e)) return;
      e.preventDefault();
      mark(false);
      attach(e.dataTransfer.files);
    });
    form.addEventListener("paste", function (e) {
      if (!e.clipboardData || !e.clipboardData.files.length) return;
      e.preventDefault();
      attach(e.clipboardData.files);
    });
  }

  function count(box) {
    var seconds = document.getElementById("seconds");
    var end = Date.now() + 1000 * Number(box.dataset.seconds);
    var timer = setInterval(function () {
      var left = Math.ceil((end - Date.now()) / 1000);
      if (left > 0) {
        if (seconds) seconds.textContent = String(left);
        return;
      }
      clearInterval(timer);
      ask(0);
    }, 250);
    function ask(tries) {
      fetch(box.dataset.state, { redirect: "error" }).then(function (answer) {
        return answer.ok ? answer.text() : "waiting";
      }).catch(function () { return "waiting"; }).then(function (state) {
        if (state !== "waiting") window.location.reload();
        else if (tries < 60) setTimeout(function () { ask(tries + 1); }, 1000);
      });
    }
  }
})();
