package io.calm.checkpoint.storage;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.checkpoint.safetensors.SafetensorsFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LargeFileTest {
  private static final int ROWS = 600_000;
  private static final int COLUMNS = 1024;
  private static final long TABLE = 4L * ROWS * COLUMNS;

  @TempDir private Path directory;

  /** Writes a sparse file: a table of 2.3 GiB, zero but for two rows, and a vector behind it. */
  private Path sparse(int straddlingRow) throws IOException {
    String header =
        ("{\"table\":{\"dtype\":\"F32\",\"shape\":[%d,%d],\"data_offsets\":[0,%d]},"
                + "\"last\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[%d,%d]}}")
            .formatted(ROWS, COLUMNS, TABLE, TABLE, TABLE + 8);
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    Path path = directory.resolve("large.safetensors");
    try (FileChannel channel =
        FileChannel.open(
            path,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.WRITE,
            StandardOpenOption.SPARSE)) {
      ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
      channel.write(length.putLong(json.length).flip(), 0);
      channel.write(ByteBuffer.wrap(json), 8);
      long data = 8L + json.length;
      channel.write(row(1), data + 4L * COLUMNS * straddlingRow);
      channel.write(row(2), data + 4L * COLUMNS * (ROWS - 1));
      channel.write(floats(3, 4), data + TABLE);
    }
    return path;
  }

  private static ByteBuffer row(float first) {
    float[] row = new float[COLUMNS];
    for (int i = 0; i < COLUMNS; i++) {
      row[i] = first + i;
    }
    return floats(row);
  }

  private static ByteBuffer floats(float... values) {
    ByteBuffer buffer = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    buffer.asFloatBuffer().put(values);
    return buffer;
  }

  @Test
  void rowsBehindTwoGibibytesAndAcrossMappingsAreRead() throws IOException {
    int straddling = (1 << 30) / (4 * COLUMNS) - 1; // the header moves it over the first GiB
    TensorTable table = SafetensorsFile.read(CheckpointFile.open(sparse(straddling)));
    StoredTensor large = table.get("table");

    assertArrayEquals(values(1), firstRow(large, straddling));
    assertArrayEquals(new float[COLUMNS], firstRow(large, straddling + 1));
    assertArrayEquals(values(2), firstRow(large, ROWS - 1));
    assertArrayEquals(new float[] {3, 4}, table.get("last").readVector(RowOrder.AS_STORED));
    assertEquals(TABLE, large.byteSize());
  }

  private static float[] values(float first) {
    float[] values = new float[COLUMNS];
    row(first).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
    return values;
  }

  private static float[] firstRow(StoredTensor tensor, int row) {
    float[] values = new float[COLUMNS];
    tensor.read(row, row + 1, RowOrder.AS_STORED).readRow(0, values);
    return values;
  }
}
