// The browser that tests and benchmarks run in. CHROMIUM_ARGS adds to its arguments: those that let it use a graphics card
// without a screen, say (see README, "Other commands").
export const chromium = {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--enable-unsafe-webgpu", ...(process.env.CHROMIUM_ARGS?.split(" ") ?? []),
  ],
};
