// Before anything is painted: the theme that was chosen here, else the system's.
"use strict";
const theme = localStorage.getItem("labelwheel-theme");
if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
