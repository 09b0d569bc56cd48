package io.calm.quantize;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.artifact.SensitivityLog;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.gguf.MixedGguf;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.model.LinearRole;
import io.calm.search.Progress;
import io.calm.search.SensitivityCell;
import io.calm.search.SensitivityTable;
import io.calm.settings.CalmSettings;
import io.calm.testing.ByteTokenizer;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The files of tables, on a block that has some linears with codes of its own. */
class SensitivityRunTest {
  @TempDir Path directory;

  private final List<Progress> moments = new ArrayList<>();
  private Path model = Path.of("");

  @BeforeEach
  void write() throws IOException {
    Map<LinearRole, MixedGguf.Type> types = new EnumMap<>(LinearRole.class);
    for (LinearRole role : LinearRole.values()) {
      types.put(role, role == LinearRole.V ? MixedGguf.Type.Q4_K : MixedGguf.Type.Q5_0);
    }
    model = MixedGguf.write(directory.resolve("mixed.gguf"), 1, types, 7);
    StringBuilder text = new StringBuilder();
    Random random = new Random(3);
    for (int i = 0; i < 200; i++) {
      text.append((char) (' ' + random.nextInt(18))); // one of the model's 50 tokens
    }
    Files.writeString(directory.resolve("text.txt"), text);
  }

  private SensitivityTable measure(String pool, SensitivityRequest request) {
    CalmSettings settings =
        CalmSettings.of(
            Map.of(
                "calm.cache-dir",
                directory.resolve("cache").toString(),
                "calm.calibration",
                directory.resolve("text.txt").toString(),
                "calm.calibration.length",
                "16",
                "calm.pool",
                pool),
            Map.of());
    moments.clear();
    try (Checkpoint checkpoint = Checkpoints.open(model)) {
      return new QuantizedModelStore(settings)
          .sensitivity(withTokens(checkpoint), request, moments::add);
    }
  }

  /** Gives a checkpoint the tokenizer that its file lacks. */
  private static Checkpoint withTokens(Checkpoint checkpoint) {
    return (Checkpoint)
        Proxy.newProxyInstance(
            Checkpoint.class.getClassLoader(),
            new Class<?>[] {Checkpoint.class},
            (proxy, method, arguments) -> {
              if (method.getName().equals("tokenizer")) {
                return new ByteTokenizer();
              }
              try {
                return method.invoke(checkpoint, arguments);
              } catch (InvocationTargetException e) {
                throw Objects.requireNonNull(e.getCause());
              }
            });
  }

  private static SensitivityRequest request(int windows, OptionalInt length) {
    return new SensitivityRequest(List.of(), Map.of(), windows, length);
  }

  private static SensitivityCell gptq(SensitivityTable table) {
    return table.cells().stream()
        .filter(cell -> cell.algorithm().equals("gptq"))
        .findFirst()
        .orElseThrow();
  }

  private List<String> tables() throws IOException {
    try (Stream<Path> files = Files.list(directory.resolve("cache").resolve("sensitivity"))) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith(".jsonl"))
          .toList();
    }
  }

  @Test
  void poolsWithOtherGroupsHaveTablesOfTheirOwn() throws IOException {
    SensitivityRequest request = request(1, OptionalInt.empty());
    SensitivityCell inGroupsOf128 = gptq(measure("gptq", request));
    assertEquals(inGroupsOf128, gptq(measure("rtn,gptq", request)), "from the same file");
    assertEquals(1, tables().size());
    measure("gptq,source+gptq", request);
    assertEquals(2, tables().size(), "source makes groups of 32");
  }

  @Test
  void aRequestIsRefusedBeforeTheModelIsRead() throws Exception {
    for (SensitivityRequest wrong :
        List.of(
            request(0, OptionalInt.empty()),
            request(1, OptionalInt.of(17)),
            new SensitivityRequest(List.of(1), Map.of(), 1, OptionalInt.empty()),
            new SensitivityRequest(
                List.of(), Map.of("short", new int[15]), 1, OptionalInt.empty()))) {
      assertThrows(QuantizeException.class, () -> measure("rtn", wrong));
      assertEquals(List.of(), moments);
    }
    for (String made : List.of("digests", "sensitivity")) {
      assertFalse(Files.exists(directory.resolve("cache").resolve(made)), made);
    }
    SensitivityRequest right = request(1, OptionalInt.empty());
    measure("rtn", right);
    String id = tables().get(0).replace(".jsonl", "");
    try (SensitivityLog held = SensitivityLog.open(directory.resolve("cache"), id)) {
      Exception e = assertThrows(RuntimeException.class, () -> measure("rtn", right));
      assertTrue(e.getMessage().contains("another run measures the same table"), e.toString());
      assertEquals(List.of(), moments, "no weight was checked");
      assertTrue(held.find(0, "rtn").isPresent());
    }
  }
}
