/** The name under which this server introduces itself. */
export const PRODUCT = 'mcp-workflow-engine';
