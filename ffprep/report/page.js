"use strict";
const content = JSON.parse(document.getElementById("content").textContent);
document.getElementById("report").textContent = content.title;
