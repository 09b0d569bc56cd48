package io.calm.checkpoint.storage;

/** The order in which a file stores the rows of a weight. */
public sealed interface RowOrder {

  /** The order of every weight except q and k of the {@code llama} architecture in GGUF. */
  RowOrder AS_STORED = new AsStored();

  /** Returns the index in the file of row {@code row} of the weight. */
  int stored(int row);

  /** The weight's own order. */
  record AsStored() implements RowOrder {
    @Override
    public int stored(int row) {
      return row;
    }
  }

  /**
   * The order with rotary pairs interleaved: GGUF files of the {@code llama} architecture store
   * rows i and i + headDim/2 of a head at 2i and 2i + 1.
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
