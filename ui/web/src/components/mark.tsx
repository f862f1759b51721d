/** Two arcs with the space between them filled: a spandrel. */
export function Mark() {
  return (
    <svg class="mark" width="22" height="22" viewBox="0 0 24 24" aria-hidden="true">
      <path class="mark-fill" d="M4 3H20C15.5 5.5 12 12 12 20C12 12 8.5 5.5 4 3Z" />
      <path class="mark-arc" d="M2 7.5C6 9 9 14 9 21M22 7.5C18 9 15 14 15 21" />
    </svg>
  );
}
