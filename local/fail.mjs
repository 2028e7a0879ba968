// One clear sentence, and a non-zero exit.
export function fail(sentence) {
  process.stderr.write(`delea: ${sentence}\n`);
  process.exit(1);
}
