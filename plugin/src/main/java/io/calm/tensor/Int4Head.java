package io.calm.tensor;

/** The lm_head in the W4A8 format of a linear. */
final class Int4Head extends HeadKernel {
  private final LinearKernel kernel;
  private final ActivationQuantizer quantizer;
  private final QuantizedRows rows;

  Int4Head(TokenTable.Int4 table, ActivationQuantizer quantizer, int maxRows) {
    super(table);
    this.kernel = LinearKernel.of(table.weight());
    this.quantizer = quantizer;
    this.rows = QuantizedRows.allocate(maxRows, table.width(), table.weight().group());
  }

  @Override
  public boolean read(float[] x, int offset, int row) {
    return quantizer.quantize(x, offset, rows, row);
  }

  @Override
  void addProducts(int count, int from, int to, KernelScratch scratch) {
    kernel.addProducts(rows, count, from, to, scratch);
  }
}
