// Tokens as pixel words. The browser resolves whatever colour space a token is written in; a canvas reads it back.

/** Reads a CSS custom property as an ABGR word, the byte order of ImageData on little-endian machines. */
export function tokenPixels(tokens: readonly string[]): Uint32Array {
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, tokens.length);
  canvas.height = 1;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) return new Uint32Array(tokens.length);
  const probe = document.createElement('span');
  document.body.append(probe);
  tokens.forEach((token, x) => {
    probe.style.color = `var(${token})`;
    context.fillStyle = getComputedStyle(probe).color;
    context.fillRect(x, 0, 1, 1);
  });
  probe.remove();
  const data = context.getImageData(0, 0, canvas.width, 1).data;
  return new Uint32Array(data.buffer.slice(0));
}
