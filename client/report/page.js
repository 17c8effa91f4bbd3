"use strict";
(function () {
  var table = document.getElementById("certificates");
  var rows = Array.prototype.slice.call(table.tBodies); /* one for each certificate */
  var heads = Array.prototype.slice.call(table.tHead.rows[0].cells);
  if (rows.length < 2) return;

  function key(row, column) {
    return row.rows[0].cells[column].textContent.trim().toLowerCase();
  }

  heads.forEach(function (head, column) {
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.textContent = "";
    head.appendChild(button);
    button.addEventListener("click", function () {
      var down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach(function (other) { other.removeAttribute("aria-sort"); });
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      var keyed = rows.map(function (row, i) { return { row: row, key: key(row, column), i: i }; });
      keyed.sort(function (a, b) {
        var order = a.key < b.key ? -1 : a.key > b.key ? 1 : a.i - b.i;
        return down ? -order : order;
      });
      keyed.forEach(function (k) { table.appendChild(k.row); });
    });
  });

  var tools = document.getElementById("tools");
  var input = document.createElement("input");
  var shown = document.createElement("span");
  var all = document.createElement("button");
  input.type = "search";
  input.placeholder = "Filter: name, serial, evidence";
  input.setAttribute("aria-label", "Filter certificates");
  shown.setAttribute("role", "status");
  all.type = "button";
  all.textContent = "Open all evidence";
  tools.appendChild(input);
  tools.appendChild(all);
  tools.appendChild(shown);
  var texts = rows.map(function (row) { return row.textContent.toLowerCase(); });
  input.addEventListener("input", function () {
    var wanted = input.value.trim().toLowerCase();
    var n = 0;
    rows.forEach(function (row, i) {
      row.hidden = texts[i].indexOf(wanted) < 0;
      if (!row.hidden) n++;
    });
    shown.textContent = wanted ? n + " of " + rows.length : "";
  });

  function open(yes) {
    Array.prototype.forEach.call(document.querySelectorAll("details"), function (d) { d.open = yes; });
  }
  all.addEventListener("click", function () {
    var yes = all.textContent.indexOf("Open") === 0;
    open(yes);
    all.textContent = yes ? "Close all evidence" : "Open all evidence";
  });
  window.addEventListener("beforeprint", function () { open(true); });
})();
