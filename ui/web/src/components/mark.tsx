/** Two arcs with the space between them filled: a spandrel. */
export function Mark() {
  return (
    <svg class="mark" width="20" height="20" viewBox="0 0 24 24" aria-hidden="true">
      <path class="mark-fill" d="M2 4H22V10A10 10 0 0 0 12 20A10 10 0 0 0 2 10Z" />
      <path class="mark-arc" d="M2 10A10 10 0 0 1 12 20A10 10 0 0 1 22 10" />
    </svg>
  );
}
