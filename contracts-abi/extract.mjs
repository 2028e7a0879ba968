// Compiles the contracts and copies their ABIs into `abi/`, where the Rust bindings read them.
//   node contracts-abi/extract.mjs           writes the files
//   node contracts-abi/extract.mjs --check   fails when a checked-in file is not what the contracts compile to
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const solidity = join(here, '..', 'solidity')
const forge = join(here, '..', 'node_modules', '.bin', 'forge')
const contracts = ['Model', 'ModelFactory', 'Jobs', 'Jury', 'Roster', 'Scores', 'Vault', 'ParameterStore']
const check = process.argv.includes('--check')

// Compile first: an old artifact would make a stale ABI look fresh.
const build = spawnSync(forge, ['build', '--skip', 'test', 'script'], { cwd: solidity, encoding: 'utf8' })
if (build.status !== 0) {
  console.error(`forge build failed:\n${build.error?.message ?? ''}${build.stdout ?? ''}${build.stderr ?? ''}`)
  process.exit(1)
}

const stale = []
mkdirSync(join(here, 'abi'), { recursive: true })
for (const name of contracts) {
  const artifact = JSON.parse(readFileSync(join(solidity, 'out', `${name}.sol`, `${name}.json`), 'utf8'))
  const text = JSON.stringify(artifact.abi, null, 2) + '\n'
  const file = join(here, 'abi', `${name}.json`)
  if (!check) writeFileSync(file, text)
  else if (read(file) !== text) stale.push(`contracts-abi/abi/${name}.json`)
}
if (stale.length > 0) {
  console.error(`stale: ${stale.join(', ')}\nrun: node contracts-abi/extract.mjs`)
  process.exit(1)
}

/** A file's text, or null where there is none. */
function read(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
