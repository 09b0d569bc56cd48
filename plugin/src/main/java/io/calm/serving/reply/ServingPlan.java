package io.calm.serving.reply;

import io.calm.compare.RequestLatencies;
import io.calm.generate.Scheduler;
import io.calm.metrics.ModelMetrics;
import io.calm.serving.model.ServedModel;

/**
 * The plan that answers a request: that of the model, or its uniform twin.
 *
 * @param model the model that is served, or whose twin this plan is
 * @param variant label in metrics and in the header of the answer
 */
record ServingPlan(
    ServedModel model,
    String variant,
    Scheduler scheduler,
    ModelMetrics metrics,
    RequestLatencies latencies) {}
