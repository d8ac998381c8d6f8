// @ts-check
// The console in a browser: every part is drawn by the server; this keeps it up to date.
import './live.js';
import './acts.js';
import './keys.js';
import './chart.js';
