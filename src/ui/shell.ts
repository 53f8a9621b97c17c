/** The one HTML document of the pages. It holds no data and no script of its own. */
export const SHELL = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>mcp-workflow</title>
    <link rel="icon" href="data:," />
    <link rel="stylesheet" href="/ui/assets/style.css" />
    <script type="module" src="/ui/assets/main.js"></script>
  </head>
  <body>
    <div id="app"><noscript>These pages need JavaScript. The same is at /api/v1 and on the command line.</noscript></div>
  </body>
</html>
`;
