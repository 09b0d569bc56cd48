package io.calm.quantize;

import io.calm.artifact.ArtifactKey;
import io.calm.artifact.SensitivityLog;
import io.calm.calibration.CalibrationSet;
import io.calm.checkpoint.Checkpoint;
import io.calm.cka.Metric;
import io.calm.search.Progress;
import io.calm.search.SearchInputs;
import io.calm.search.Sensitivity;
import io.calm.search.SensitivityCell;
import io.calm.search.SensitivityTable;
import io.calm.settings.CalmSettings;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Makes a sensitivity table: selects the held-out windows, measures the cells that the cache lacks,
 * and returns all of them. A request that cannot be met is refused before the model's files are
 * read.
 */
final class SensitivityRun {
  /** Raised whenever cells of the same key would have other numbers than before. */
  private static final int RECIPE = 10;

  /** Settings that change a plan, but no cell. */
  private static final List<String> OF_PLANS =
      List.of(
          "calm.algorithm=",
          "calm.pool=",
          "calm.search.metric=",
          "calm.search.reference=",
          "calm.search.guard=",
          "calm.search.granularity=");

  private final Checkpoint checkpoint;
  private final Supplier<ArtifactKey> keys;
  private final CalmSettings settings;
  private final Consumer<Progress> progress;

  /**
   * Creates a run.
   *
   * @param keys gives the key of the artifact that the same settings make; called once, because it
   *     reads the model's files
   */
  SensitivityRun(
      Checkpoint checkpoint,
      Supplier<ArtifactKey> keys,
      CalmSettings settings,
      Consumer<Progress> progress) {
    this.checkpoint = checkpoint;
    this.keys = keys;
    this.settings = settings;
    this.progress = progress;
  }

  SensitivityTable run(SensitivityRequest request) {
    List<Integer> blocks = blocks(request);
    int length = length(request);
    List<Sensitivity.Text> texts = texts(request, length);
    ArtifactKey key = keys.get();
    Quantization quantization = new Quantization(checkpoint, key, settings, progress);
    quantization.requirePool();
    try (SensitivityLog log =
        SensitivityLog.open(
            settings.loading().cacheDir(), id(key, request.windows(), length, texts))) {
      return quantization.measure(
          (inputs, set) -> {
            List<Sensitivity.Text> all = new ArrayList<>();
            all.add(
                new Sensitivity.Text(
                    SensitivityRequest.GUARD, ofGuard(set, request.windows(), length)));
            all.addAll(texts);
            Sensitivity.run(inputs, set, blocks, all, log, progress);
            return table(inputs, blocks, all, length, log);
          });
    }
  }

  private List<Integer> blocks(SensitivityRequest request) {
    int layers = checkpoint.spec().layers();
    if (request.blocks().isEmpty()) {
      return IntStream.range(0, layers).boxed().toList();
    }
    for (int block : request.blocks()) {
      if (block < 0 || block >= layers) {
        throw new IllegalArgumentException(
            "--blocks: expected numbers from 0 to %d, got %d; the model has %d blocks"
                .formatted(layers - 1, block, layers));
      }
    }
    return request.blocks();
  }

  private int length(SensitivityRequest request) {
    int most = Quantization.calibrationLength(checkpoint, settings);
    int length = request.length().orElse(Math.min(SensitivityRequest.DEFAULT_LENGTH, most));
    if (length < 2 || length > most) {
      throw new IllegalArgumentException(
          ("--length: expected 2 to %d, the length of the calibration's sequences, got %d; give"
                  + " shorter windows, or raise calm.calibration.length")
              .formatted(most, length));
    }
    return length;
  }

  /** Returns the windows of the texts beside the guard part. */
  private static List<Sensitivity.Text> texts(SensitivityRequest request, int length) {
    if (request.windows() < 1) {
      throw new IllegalArgumentException(
          "--windows: expected 1 or more, got %d; give another number"
              .formatted(request.windows()));
    }
    List<Sensitivity.Text> texts = new ArrayList<>();
    request
        .texts()
        .forEach(
            (name, tokens) -> {
              if (tokens.length < length) {
                throw new IllegalArgumentException(
                    ("--text %s: expected a window of %d tokens or more, got %d tokens; give a"
                            + " longer text or a smaller --length")
                        .formatted(name, length, tokens.length));
              }
              int count = Math.min(request.windows(), tokens.length / length);
              List<int[]> windows =
                  IntStream.range(0, count)
                      .mapToObj(w -> Arrays.copyOfRange(tokens, w * length, (w + 1) * length))
                      .toList();
              texts.add(new Sensitivity.Text(name, windows));
            });
    return texts;
  }

  /** Cuts windows from the guard part: the first of each sequence, then the second, and so on. */
  private static List<int[]> ofGuard(CalibrationSet set, int count, int length) {
    List<int[]> windows = new ArrayList<>();
    for (int from = 0; from + length <= set.length(); from += length) {
      for (int[] sequence : set.guard()) {
        if (windows.size() < count) {
          windows.add(Arrays.copyOfRange(sequence, from, from + length));
        }
      }
    }
    return windows;
  }

  /**
   * Returns the digest of everything that cells depend on beside their block and algorithm. The
   * group is there as it is used, because {@code auto} depends on the pool. The key of the artifact
   * determines the calibration, so the guard part is there as its number of windows.
   */
  private String id(ArtifactKey key, int windows, int length, List<Sensitivity.Text> texts) {
    String ofCells =
        key.settings()
            .lines()
            .filter(line -> OF_PLANS.stream().noneMatch(line::startsWith))
            .collect(Collectors.joining("\n"));
    String metrics =
        Arrays.stream(Metric.values()).map(Metric::setting).collect(Collectors.joining(","));
    StringBuilder all =
        new StringBuilder("sensitivity recipe=%d metrics=%s\n".formatted(RECIPE, metrics));
    all.append(ofCells);
    all.append("\ngroup=").append(AlgorithmPool.group(checkpoint, settings));
    all.append("\n%s windows=%d length=%d".formatted(SensitivityRequest.GUARD, windows, length));
    for (Sensitivity.Text text : texts) {
      all.append('\n').append(text.name());
      text.windows().forEach(window -> all.append('\n').append(Arrays.toString(window)));
    }
    return new ArtifactKey(key.modelDigests(), all.toString(), key.calibration()).id();
  }

  private static SensitivityTable table(
      SearchInputs inputs,
      List<Integer> blocks,
      List<Sensitivity.Text> texts,
      int length,
      SensitivityLog log) {
    List<String> pool = inputs.settings().pool().stream().map(q -> q.name()).toList();
    List<SensitivityCell> cells = new ArrayList<>();
    for (int block : blocks) {
      for (String name : pool) {
        cells.add(log.find(block, name).orElseThrow());
      }
    }
    Map<String, Integer> windows = new LinkedHashMap<>();
    texts.forEach(text -> windows.put(text.name(), text.windows().size()));
    return new SensitivityTable(blocks, pool, windows, length, cells);
  }
}
