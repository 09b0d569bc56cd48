package io.calm.host;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * KEDA's ScaledObject (keda.sh/v1alpha1), with the fields of its custom resource definition: a
 * document with another field cannot be read as one.
 */
record ScaledObject(String apiVersion, String kind, Metadata metadata, Spec spec) {
  record Metadata(
      String name,
      @Nullable String namespace,
      @Nullable Map<String, String> labels,
      @Nullable Map<String, String> annotations) {}

  record Spec(
      Target scaleTargetRef,
      @Nullable Integer pollingInterval,
      @Nullable Integer cooldownPeriod,
      @Nullable Integer initialCooldownPeriod,
      @Nullable Integer idleReplicaCount,
      Integer minReplicaCount,
      Integer maxReplicaCount,
      Fallback fallback,
      @Nullable Map<String, Object> advanced,
      List<Trigger> triggers) {}

  record Target(
      String apiVersion, String kind, String name, @Nullable String envSourceContainerName) {}

  record Fallback(int failureThreshold, int replicas, @Nullable String behavior) {}

  record Trigger(
      String type,
      @Nullable String name,
      @Nullable String metricType,
      @Nullable Boolean useCachedMetrics,
      Map<String, Object> metadata,
      @Nullable Map<String, String> authenticationRef) {}
}
