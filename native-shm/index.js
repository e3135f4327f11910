"use strict";
const { join } = require("node:path");

const platform = `${process.platform}-${process.arch}`;

try {
  module.exports = require(join(__dirname, "prebuilds", platform, "native-shm.node"));
} catch (cause) {
  const error = new Error(`alphapulse-native-shm has no binary that loads on ${platform}: ${cause.message}`, { cause });
  error.code = "NATIVE_MISSING";
  throw error;
}
