package io.calm.cli;

import io.calm.artifact.Artifact;
import io.calm.artifact.ArtifactKey;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.cli.eval.DecoderLogits;
import io.calm.cli.eval.EvalReport;
import io.calm.cli.eval.LogitSource;
import io.calm.cli.eval.ReferenceLogits;
import io.calm.cli.terminal.ProgressBar;
import io.calm.model.QuantizedModel;
import io.calm.quantize.QuantizedModelStore;
import io.calm.runtime.Decoder;
import io.calm.runtime.JavaDecoder;
import io.calm.runtime.KvType;
import io.calm.settings.CalmSettings;
import io.calm.text.Printable;
import io.calm.torch.Backends;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * A value of {@code --precision} and the format of keys and values. The precision is {@code
 * reference}, {@code calm}, or an algorithm of the pool for a uniform plan. The last two may be
 * followed by settings of their own, as in {@code calm:calm.lm-head=int4:calm.group=128}.
 *
 * @param name as written
 * @param kind a searched one may take long to open
 * @param overrides values of settings that this precision has of its own
 * @param kvCache a value of {@code calm.kv-cache}, or {@code float32} for no rounding; empty for
 *     the value in the settings
 */
record Precision(
    String name, EvalReport.Kind kind, Map<String, String> overrides, Optional<String> kvCache) {
  static final String REFERENCE = "reference";
  static final String CALM = "calm";
  private static final String FLOAT32 = "float32";
  private static final String KV_CACHE = "calm.kv-cache";
  private static final List<String> KV_CACHES =
      Stream.concat(Stream.of(KvType.values()).map(KvType::setting), Stream.of(FLOAT32)).toList();

  Precision {
    overrides = Map.copyOf(overrides);
  }

  /**
   * Parses a precision.
   *
   * @throws ArgumentException if a part of it is malformed, a setting has two values, or {@code
   *     kvCache} does not fit
   */
  static Precision of(String name, Optional<String> kvCache) {
    String[] parts = name.split(":", -1);
    EvalReport.Kind kind = kind(parts[0]);
    requireKvCache(kind, kvCache);
    Map<String, String> overrides = new HashMap<>();
    for (int i = 1; i < parts.length; i++) {
      int equals = parts[i].indexOf('=');
      if (kind == EvalReport.Kind.REFERENCE || equals <= 0) {
        throw new ArgumentException(
            "precision %s: expected reference alone, or NAME:KEY=VALUE, got \"%s\"; correct it"
                .formatted(name, parts[i]));
      }
      put(name, overrides, parts[i].substring(0, equals), parts[i].substring(equals + 1));
    }
    if (kind == EvalReport.Kind.UNIFORM) {
      put(name, overrides, "calm.algorithm", parts[0]);
    }
    kvCache.ifPresent(type -> put(name, overrides, KV_CACHE, type));
    if (kvCache.equals(Optional.of(FLOAT32))) {
      overrides.remove(KV_CACHE); // not a setting: see decoder
    }
    return new Precision(name, kind, overrides, kvCache);
  }

  private static void requireKvCache(EvalReport.Kind kind, Optional<String> kvCache) {
    if (kind == EvalReport.Kind.REFERENCE && kvCache.isPresent()) {
      throw new ArgumentException(
          "--kv-cache: expected a W4A8 precision beside it, got reference, which keeps no keys and"
              + " values; name another --precision");
    }
    if (kvCache.isPresent() && !KV_CACHES.contains(kvCache.get())) {
      throw new ArgumentException(
          "--kv-cache: expected %s, got '%s'"
              .formatted(String.join(" | ", KV_CACHES), Printable.of(kvCache.get())));
    }
  }

  private static void put(String name, Map<String, String> overrides, String key, String value) {
    String before = overrides.put(key, value);
    if (before != null && !before.equals(value)) {
      throw new ArgumentException(
          "precision %s: expected one value of %s, got %s and %s; leave one out"
              .formatted(name, key, before, value));
    }
  }

  /**
   * The place of its measurements in the cache.
   *
   * @param key key of the artifact, or of the model for full precision
   * @param kvCache format of keys and values; empty for full precision
   */
  record Kept(Path cacheDir, ArtifactKey key, Optional<String> kvCache) {}

  /** A model opened in a precision; closing it closes its files. */
  record Opened(Checkpoint checkpoint, LogitSource logits, String variant, Kept kept)
      implements AutoCloseable {
    @Override
    public void close() {
      logits.close();
      checkpoint.close();
    }
  }

  /**
   * Reads the settings of this precision.
   *
   * @throws IllegalArgumentException if a setting or the name of the precision is wrong
   */
  ModelMixin.Resolved resolve(ModelMixin model) throws IOException, InterruptedException {
    if (name.indexOf(':') >= 0) {
      try {
        ModelMixin.requireSettings(overrides);
      } catch (ArgumentException e) {
        throw new ArgumentException("precision %s: %s".formatted(name, e.getMessage()));
      }
    }
    return model.resolve(overrides);
  }

  /**
   * Opens the model. It is quantized first if it has no finished artifact.
   *
   * @param resolved result of {@link #resolve}
   * @param progress receives the activity of the full-precision model
   */
  Opened open(ModelMixin.Resolved resolved, Consumer<String> progress) {
    CalmSettings settings = resolved.settings();
    Checkpoint checkpoint = Checkpoints.open(resolved.checkpoint());
    if (kind == EvalReport.Kind.REFERENCE) {
      return new Opened(
          checkpoint,
          new ReferenceLogits(
              checkpoint,
              settings.decoder().threadCount(),
              settings.decoder().searchKernels(),
              progress),
          REFERENCE,
          kept(settings, new QuantizedModelStore(settings).key(checkpoint), Optional.empty()));
    }
    try (ProgressBar bar = ProgressBar.open()) {
      Artifact artifact = new QuantizedModelStore(settings).get(checkpoint, bar);
      return new Opened(
          checkpoint,
          new DecoderLogits(decoder(artifact.model(), settings)),
          artifact.plan().served(),
          kept(
              settings,
              artifact.key(),
              kvCache.or(() -> Optional.of(settings.decoder().kvCache().setting()))));
    }
  }

  private static Kept kept(CalmSettings settings, ArtifactKey key, Optional<String> kvCache) {
    return new Kept(settings.loading().cacheDir(), key, kvCache);
  }

  private static EvalReport.Kind kind(String base) {
    return switch (base) {
      case REFERENCE -> EvalReport.Kind.REFERENCE;
      case CALM -> EvalReport.Kind.SEARCHED;
      default -> EvalReport.Kind.UNIFORM;
    };
  }

  private Decoder decoder(QuantizedModel model, CalmSettings settings) {
    int blocks = DecoderLogits.blocksFor(model.spec().maxContext());
    return kvCache.equals(Optional.of(FLOAT32))
        ? JavaDecoder.withoutKvRounding(model, settings.decoder().threadCount(), blocks)
        : Backends.open(model, settings.decoder().forDecoder(), blocks);
  }
}
