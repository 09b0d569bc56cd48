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
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One of a model's workers. All hand their requests to the model's one scheduler, and each holds
 * its request until the answer has begun, or is there where it is not streamed: so the status is
 * right, and DJL Serving's own queue fills where as many requests wait as there are workers. A
 * {@link ClaimedJob} answers its client itself.
 *
 * <p>It throws nothing, for an exception ends a worker of DJL Serving for a minute: errors are
 * outputs with a code. What DJL Serving's routes cannot do: change the status once a stream has
 * begun, notice then that its client is gone, or slow down for a slow one.
 */
final class CalmPredictor extends Predictor<Input, Output> {
  private static final Logger logger = LoggerFactory.getLogger(CalmPredictor.class);

  /** Lock for large bodies, shared by all workers of the process. */
  private static final Semaphore LARGE = new Semaphore(1, true);

  private static final long MOMENT_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  /** How often a worker that waits looks whether its client is still there. */
  private static final long GLANCE_MILLIS = 50;

  private final ServedModel served;
  private final TextService text;
  private final IntSupplier throttleStatus;

  CalmPredictor(
      Model model,
      Translator<Input, Output> translator,
      Device device,
      ServedModel served,
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
      return held(input, prepared(body, input.getProperty("Accept", "")));
    } catch (ApiException e) {
      return refusal(e);
    } catch (InterruptedException e) {
      leave();
      return refusal(
          new ApiException(ApiException.Kind.NOT_READY, served.name() + " loses a worker"));
    } catch (RuntimeException | Error e) {
      logger.error("{}: a request failed", served.name(), e);
      return refusal(ApiException.bug());
    }
  }

  /** Reads a body; large ones take turns, as on the plugin's own routes. */
  private PreparedReply prepared(byte[] body, String accept) throws InterruptedException {
    if (body.length < RequestWorkers.LARGE) {
      return charged(body, accept);
    }
    LARGE.acquire();
    try {
      return charged(body, accept);
    } finally {
      LARGE.release();
    }
  }

  private PreparedReply charged(byte[] body, String accept) {
    try (ByteBudget.Charge charge = text.bodies().charge()) {
      JsonObject parsed = JsonBody.parse(body, body.length, charge);
      return text.prepare(served, Schema.DJL, parsed, accept);
    }
  }

  /**
   * Lets DJL Serving, which interrupts a worker and then ends its jobs, finish with the jobs: it
   * and the worker go through the same list, and the one that finds it changed fails.
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
    HeldAnswer answer = new HeldAnswer();
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
    return HeldAnswer.output(
        status,
        "application/json",
        Errors.headers(error),
        (body + "\n").getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Has nothing to free: DJL's own would warn that its array manager, which never closes, is open.
   */
  @Override
  @SuppressWarnings({"deprecation", "removal", "Finalize"})
  protected void finalize() {}
}
