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
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Makes a table of impacts: selects the held-out windows, measures the cells that the cache lacks,
 * and returns all of them.
 */
final class SensitivityRun {
  /** Raised whenever cells of the same key would have other numbers than before. */
  private static final int RECIPE = 1;

  /** Name of the calibration's guard part among the texts. */
  private static final String GUARD = "guard part";

  /** Settings that change a plan, but no cell. */
  private static final List<String> OF_PLANS =
      List.of(
          "calm.algorithm=",
          "calm.pool=",
          "calm.search.metric=",
          "calm.search.reference=",
          "calm.search.guard=");

  private final Checkpoint checkpoint;
  private final ArtifactKey key;
  private final CalmSettings settings;
  private final Consumer<Progress> progress;

  /**
   * Creates a run.
   *
   * @param key of the artifact that the same settings make
   */
  SensitivityRun(
      Checkpoint checkpoint, ArtifactKey key, CalmSettings settings, Consumer<Progress> progress) {
    this.checkpoint = checkpoint;
    this.key = key;
    this.settings = settings;
    this.progress = progress;
  }

  SensitivityTable run(SensitivityRequest request) {
    List<Integer> blocks = blocks(request);
    return new Quantization(checkpoint, key.modelDigests(), settings, progress)
        .measure(
            (inputs, set) -> {
              int length = length(request, set);
              List<Sensitivity.Text> texts = texts(request, set, length);
              try (SensitivityLog log = open(texts)) {
                Sensitivity.run(inputs, set, blocks, texts, log, progress);
                return table(inputs, blocks, texts, length, log);
              }
            });
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

  private static int length(SensitivityRequest request, CalibrationSet set) {
    int length = request.length().orElse(Math.min(SensitivityRequest.DEFAULT_LENGTH, set.length()));
    if (length < 2 || length > set.length()) {
      throw new IllegalArgumentException(
          ("--length: expected 2 to %d, the length of the calibration's sequences, got %d; give"
                  + " shorter windows, or raise calm.calibration.length")
              .formatted(set.length(), length));
    }
    return length;
  }

  private static List<Sensitivity.Text> texts(
      SensitivityRequest request, CalibrationSet set, int length) {
    if (request.windows() < 1) {
      throw new IllegalArgumentException(
          "--windows: expected 1 or more, got %d".formatted(request.windows()));
    }
    List<Sensitivity.Text> texts = new ArrayList<>();
    texts.add(new Sensitivity.Text(GUARD, ofGuard(set, request.windows(), length)));
    request
        .texts()
        .forEach(
            (name, tokens) -> {
              if (tokens.length < length) {
                throw new IllegalArgumentException(
                    "--text %s: expected a window of %d tokens or more, got %d tokens; give a longer text"
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

  private SensitivityLog open(List<Sensitivity.Text> texts) {
    try {
      return SensitivityLog.open(settings.loading().cacheDir(), id(texts));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while the log of the table was opened", e);
    }
  }

  /** Returns the digest of everything that cells depend on beside their block and algorithm. */
  private String id(List<Sensitivity.Text> texts) {
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
