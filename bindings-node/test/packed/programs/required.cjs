// What a program that requires the package gets.
exports.engine = require('stanchion').engine;
