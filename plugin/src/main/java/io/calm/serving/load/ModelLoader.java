package io.calm.serving.load;

import io.calm.artifact.Artifact;
import io.calm.checkpoint.ChatTemplate;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Checkpoints;
import io.calm.checkpoint.Tokenizer;
import io.calm.generate.Scheduler;
import io.calm.generate.SchedulerSettings;
import io.calm.model.ModelSpec;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoders;
import io.calm.search.QuantPlan;
import io.calm.search.SearchProgress;
import io.calm.serving.LmiOptions;
import io.calm.serving.ServedModel;
import io.calm.serving.settings.CalmSettings;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.Consumer;

/** Makes a model that answers requests of a model's files. */
public final class ModelLoader {
  /** Tokens of one step beside the decodes: a prompt is read in chunks of at most so many. */
  private static final int STEP_TOKENS = 256;

  /** Context that is offered unless the settings ask for more. */
  private static final int DEFAULT_CONTEXT = 4096;

  /** Share of the memory at hand that keys and values may take unless the settings say. */
  private static final double KV_SHARE = 0.25;

  /** Share of the JVM's direct memory that they may take at most, unless the settings say. */
  private static final double KV_DIRECT_SHARE = 0.5;

  private ModelLoader() {}

  /**
   * Loads a model: its artifact where there is one, else after a search on this thread.
   *
   * @param name as in URLs
   * @param url where it came from, as the operator wrote it
   * @param model a Hugging Face directory or a .gguf file
   * @param progress told of every step, on this thread
   * @throws io.calm.checkpoint.CheckpointException if the files cannot be used
   * @throws io.calm.artifact.ArtifactException if the cache cannot be written
   * @throws io.calm.search.SearchException if no algorithm can quantize the model
   */
  public static ServedModel load(
      String name,
      String url,
      Path model,
      CalmSettings settings,
      LmiOptions lmi,
      Consumer<SearchProgress> progress) {
    Checkpoint checkpoint = Checkpoints.open(model);
    try {
      // What can be refused at once is, before a search of minutes; the tokenizer, a third of a
      // second start, is built beside the artifact's verification.
      ModelSpec spec = checkpoint.spec();
      SchedulerSettings budgets = budgets(spec, settings);
      FutureTask<Tokenizer> tokenizer = new FutureTask<>(checkpoint::tokenizer);
      Thread builder = new Thread(tokenizer, "calm-tokenizer");
      builder.setDaemon(true);
      builder.start();
      Optional<ChatTemplate> template = checkpoint.chatTemplate();
      QuantPlan plan;
      Decoder decoder;
      Tokenizer built;
      try (Artifact artifact = new QuantizedModelStore(settings).get(checkpoint, progress)) {
        built = await(tokenizer);
        plan = artifact.plan();
        // Holds a lease: what is mapped goes with the decoder, which the scheduler closes.
        decoder = Decoders.open(artifact.model(), settings.decoder(), budgets.blocks());
      }
      return new ServedModel(
          name,
          url,
          spec,
          built,
          template,
          checkpoint.generationDefaults(),
          Scheduler.start(name, decoder, budgets, System::nanoTime),
          Optional.of(plan),
          ServedModel.Limits.DEFAULT,
          lmi,
          Instant.now());
    } catch (RuntimeException | Error e) {
      checkpoint.close();
      throw e;
    }
  }

  private static Tokenizer await(FutureTask<Tokenizer> tokenizer) {
    try {
      return tokenizer.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while the tokenizer was built", e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new IllegalStateException(e.getCause());
    }
  }

  private static SchedulerSettings budgets(ModelSpec spec, CalmSettings settings) {
    int context =
        Math.min(
            spec.maxContext(),
            settings.maxContext().orElse(Math.min(spec.maxContext(), DEFAULT_CONTEXT)));
    long bytes =
        settings.kvBudgetMb().isPresent()
            ? settings.kvBudgetMb().getAsLong() << 20
            : (long)
                Math.min(Memory.available() * KV_SHARE, Memory.directLimit() * KV_DIRECT_SHARE);
    long blockBytes = Decoders.blockBytes(spec, settings.decoder());
    if (bytes < blockBytes) {
      throw new IllegalArgumentException(
          "calm.kv-budget-mb: %d bytes hold no block of %d tokens, which takes %d bytes; raise it"
              .formatted(bytes, Decoder.BLOCK_TOKENS, blockBytes));
    }
    long most = (long) settings.maxRunning() * Decoder.blocksFor(context);
    return new SchedulerSettings(
        context,
        (int) Math.min(bytes / blockBytes, most),
        settings.maxRunning(),
        settings.queueSize(),
        STEP_TOKENS);
  }
}
