package io.calm.serving.djl;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.inference.Predictor;
import ai.djl.modality.Input;
import ai.djl.modality.Output;
import ai.djl.ndarray.BytesSupplier;
import ai.djl.translate.Translator;
import com.google.gson.JsonObject;
import io.calm.serving.dispatch.TextService;
import io.calm.serving.http.RequestWorkers;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.ByteBudget;
import io.calm.serving.reply.Errors;
import io.calm.serving.reply.JsonBody;
import io.calm.serving.reply.PreparedReply;
import io.calm.serving.reply.Schema;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntSupplier;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A worker of a model. All workers submit to the model's one scheduler. Each holds its request
 * until a streamed answer has begun or a whole answer is complete, so the status is right, and DJL
 * Serving's own queue fills when as many requests wait as there are workers. A {@link ClaimedJob}
 * answers its client itself.
 *
 * <p>It reports errors as outputs with a code and throws nothing, because an exception stops a DJL
 * Serving worker for a minute. On DJL Serving's routes, the status cannot change once a stream has
 * begun, and neither hang-ups nor slow readers are noticed from then on.
 */
final class CalmPredictor extends Predictor<Input, Output> {
  private static final Logger logger = LoggerFactory.getLogger(CalmPredictor.class);

  /** The lock for large bodies, shared by all workers of the process. */
  private static final Semaphore LARGE = new Semaphore(1, true);

  private static final long MOMENT_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  /** The interval at which a waiting worker checks that its client is still connected. */
  private static final long GLANCE_MILLIS = 50;

  private final Supplier<ServedModel> served;
  private final TextService text;
  private final IntSupplier throttleStatus;

  CalmPredictor(
      Model model,
      Translator<Input, Output> translator,
      Device device,
      Supplier<ServedModel> served,
      TextService text,
      IntSupplier throttleStatus) {
    super(model, translator, device, false);
    this.served = served;
    this.text = text;
    this.throttleStatus = throttleStatus;
  }

  @Override
  public List<Output> batchPredict(List<Input> inputs) {
    return inputs.stream().map(this::answer).toList();
  }

  private Output answer(Input input) {
    try {
      if (input instanceof ClaimedJob job) {
        job.run();
        return new Output(200, "OK");
      }
      byte[] body =
          Optional.ofNullable(input.getData()).map(BytesSupplier::getAsBytes).orElse(new byte[0]);
      return held(input, prepared(body, input.getProperty("Accept", ""), System.nanoTime()));
    } catch (ApiException e) {
      return refusal(e);
    } catch (InterruptedException e) {
      leave();
      return refusal(
          new ApiException(
              ApiException.Kind.NOT_READY, served.get().name() + " stops a worker; try again"));
    } catch (RuntimeException | Error e) {
      logger.error("{}: a request failed", served.get().name(), e);
      return refusal(ApiException.bug());
    }
  }

  /** Reads a body; large bodies take turns, as on the plugin's own routes. */
  private PreparedReply prepared(byte[] body, String accept, long arrived)
      throws InterruptedException {
    if (body.length < RequestWorkers.LARGE) {
      return charged(body, accept, arrived);
    }
    LARGE.acquire();
    try {
      return charged(body, accept, arrived);
    } finally {
      LARGE.release();
    }
  }

  private PreparedReply charged(byte[] body, String accept, long arrived) {
    try (ByteBudget.Charge charge = text.bodies().charge()) {
      JsonObject parsed = JsonBody.parse(body, body.length, charge);
      return text.prepare(served.get(), Schema.DJL, parsed, accept, arrived);
    }
  }

  /**
   * Gives DJL Serving time to end an interrupted worker's jobs. Both iterate over the same list,
   * and the one that finds it changed fails.
   */
  private static void leave() {
    long end = System.nanoTime() + MOMENT_NANOS;
    for (long left = MOMENT_NANOS; left > 0; left = end - System.nanoTime()) {
      Thread.interrupted();
      LockSupport.parkNanos(left);
    }
    Thread.currentThread().interrupt();
  }

  private static Output held(Input input, PreparedReply reply) throws InterruptedException {
    DeferredReply answer = new DeferredReply();
    PreparedReply.Running running = reply.start(answer);
    try {
      while (true) {
        try {
          return answer.await(GLANCE_MILLIS);
        } catch (TimeoutException e) {
          if (input.isCancelled()) {
            running.cancel(); // the answer ends with the next step
          }
        }
      }
    } catch (InterruptedException e) {
      running.cancel(); // DJL Serving has told the client
      throw e;
    }
  }

  private Output refusal(ApiException error) {
    int status =
        error.kind() == ApiException.Kind.QUEUE_FULL
            ? throttleStatus.getAsInt()
            : error.kind().status();
    JsonObject body = Schema.DJL.errors().of(error);
    body.addProperty("code", status);
    return DeferredReply.output(
        status,
        "application/json",
        Errors.headers(error),
        (body + "\n").getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Does nothing. DJL's implementation would warn that the array manager is open, which never
   * closes.
   */
  @Override
  @SuppressWarnings({"deprecation", "removal", "Finalize"})
  protected void finalize() {}
}
