package io.calm.checkpoint.storage;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.Goldens;
import io.calm.checkpoint.gguf.GgufFile;
import io.calm.checkpoint.safetensors.SafetensorsFile;
import java.util.Locale;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TensorTypeTest {

  @ParameterizedTest
  @EnumSource(
      names = {"F64", "BOOL", "U8", "I8", "I32", "I64"},
      mode = EnumSource.Mode.EXCLUDE)
  void everyGgufTypeIsReadAsGgmlReadsIt(TensorType type) {
    String name = "t." + type.name().toLowerCase(Locale.ROOT);
    StoredTensor stored = GgufFile.open(Goldens.path("gguf/types.gguf")).tensors().get(name);
    StoredTensor expected =
        SafetensorsFile.read(CheckpointFile.open(Goldens.path("gguf/types.safetensors"))).get(name);

    assertEquals(type, stored.type());
    assertEquals(expected.shape(), stored.shape());
    float[] values = stored.readVector(RowOrder.AS_STORED);
    assertTrue(values.length > 0);
    assertArrayEquals(expected.readVector(RowOrder.AS_STORED), values, 0f);
  }

  @ParameterizedTest
  @EnumSource(
      names = {"F64", "BOOL", "U8", "I8", "I32", "I64"},
      mode = EnumSource.Mode.EXCLUDE)
  void aRowIsReadAloneAsInTheWhole(TensorType type) {
    String name = "t." + type.name().toLowerCase(Locale.ROOT);
    StoredTensor stored = GgufFile.open(Goldens.path("gguf/types.gguf")).tensors().get(name);

    float[] whole = new float[stored.columns()];
    float[] alone = new float[stored.columns()];
    stored.read().readRow(4, whole);
    stored.read(4, 5, RowOrder.AS_STORED).readRow(0, alone);
    assertArrayEquals(whole, alone);
  }
}
