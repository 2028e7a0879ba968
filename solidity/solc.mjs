// The two questions Foundry asks a compiler, answered by the npm package `solc`:
// `--version`, and `--standard-json` (input on stdin, output on stdout).
import { readFileSync, writeSync } from 'node:fs'
import solc from 'solc'

const options = process.argv.slice(2)

/** Writes all of `text`: one write to a pipe may take only a part of it. */
function writeOut(text) {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(1, bytes, at)
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error
    }
  }
}

if (options.includes('--version')) {
  writeOut(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`)
} else if (options.includes('--standard-json')) {
  writeOut(solc.compile(readFileSync(0, 'utf8')))
} else {
  console.error('solc: only --version and --standard-json are supported')
  process.exit(2)
}
