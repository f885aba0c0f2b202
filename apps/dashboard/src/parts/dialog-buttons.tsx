/** What a dialog that changes something ends with: the change, in words, and the way out. `danger`: it takes something away. */
export function DialogButtons({ change, danger = false, disabled, onClose }: { readonly change: string; readonly danger?: boolean; readonly disabled: boolean; readonly onClose: () => void }) {
  return (
    <div className="buttons">
      <button type="submit" className={danger ? 'button button-danger' : 'button button-main'} disabled={disabled}>
        {change}
      </button>
      <button type="button" className="button" onClick={onClose}>
        Change nothing
      </button>
    </div>
  );
}
