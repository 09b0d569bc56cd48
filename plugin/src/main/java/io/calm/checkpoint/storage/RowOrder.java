package io.calm.checkpoint.storage;

/** Where a file keeps each row of a weight. */
public sealed interface RowOrder {

  /** The order of every weight but LLaMA's q and k in GGUF. */
  RowOrder AS_STORED = new AsStored();

  /** Returns the row of the file that holds row {@code row} of the weight. */
  int stored(int row);

  /** Row by row. */
  record AsStored() implements RowOrder {
    @Override
    public int stored(int row) {
      return row;
    }
  }

  /**
   * Rotary pairs side by side: GGUF files of the {@code llama} architecture keep rows i and i +
   * headDim/2 of a head at 2i and 2i + 1.
   */
  record InterleavedPairs(int headDim) implements RowOrder {
    @Override
    public int stored(int row) {
      int within = row % headDim;
      int half = headDim / 2;
      return row - within + within % half * 2 + within / half;
    }
  }
}
