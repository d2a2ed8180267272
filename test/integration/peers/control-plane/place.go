package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// cluster is what the scheduler is shown: nodes, the pods bound to them, and pods that wait, first come first.
type cluster struct {
	Nodes   []*corev1.Node `json:"nodes"`
	Bound   []*corev1.Pod  `json:"bound"`
	Waiting []*corev1.Pod  `json:"waiting"`
}

// answer has an entry for each waiting pod: the nodes that let it in before any of them was placed, and where it went
// when each was placed in turn ("": nowhere).
type answer struct {
	Feasible [][]string `json:"feasible"`
	Placed   []string   `json:"placed"`
}

func place(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<28)
	encoder := json.NewEncoder(out)
	for lines.Scan() {
		var given cluster
		if err := json.Unmarshal(lines.Bytes(), &given); err != nil {
			return err
		}
		found, err := placeOne(given)
		if err != nil {
			return err
		}
		if err := encoder.Encode(found); err != nil {
			return err
		}
	}
	return lines.Err()
}

// placeOne runs kube-scheduler's own plugins in its default profile over its own cache, one node after the other. Its
// informers are never started: whatever these pods need is in the cache.
func placeOne(given cluster) (*answer, error) {
	ctx, cancel := context.WithCancel(klog.NewContext(context.Background(), klog.Background()))
	defer cancel()
	logger := klog.FromContext(ctx)
	client, err := kubernetes.NewForConfig(&rest.Config{Host: "127.0.0.1:1"})
	if err != nil {
		return nil, err
	}
	record := func(string) events.EventRecorderLogger { return events.NewFakeRecorder(0) }
	informers := scheduler.NewInformerFactory(client, 0)
	sched, err := scheduler.New(ctx, client, informers, nil, record, scheduler.WithParallelism(1))
	if err != nil {
		return nil, err
	}
	for _, node := range given.Nodes {
		sched.Cache.AddNode(logger, node)
	}
	for _, pod := range given.Bound {
		if err := sched.Cache.AddPod(logger, pod); err != nil {
			return nil, err
		}
	}
	profile := sched.Profiles[corev1.DefaultSchedulerName]
	snapshot, ours := profile.SnapshotSharedLister().(*cache.Snapshot)
	if !ours {
		return nil, fmt.Errorf("the scheduler's snapshot is a %T", profile.SnapshotSharedLister())
	}
	if err := sched.Cache.UpdateSnapshot(logger, snapshot); err != nil {
		return nil, err
	}
	found := &answer{Feasible: [][]string{}, Placed: []string{}}
	for _, pod := range given.Waiting {
		names, err := feasible(ctx, profile, pod)
		if err != nil {
			return nil, err
		}
		found.Feasible = append(found.Feasible, names)
	}
	for _, pod := range given.Waiting {
		info, err := framework.NewPodInfo(pod)
		if err != nil {
			return nil, err
		}
		queued := &framework.QueuedPodInfo{PodInfo: info}
		chosen, err := sched.SchedulePod(ctx, profile, framework.NewCycleState(), queued)
		var unfit *framework.FitError
		if err != nil && !errors.As(err, &unfit) && !errors.Is(err, scheduler.ErrNoNodesAvailable) {
			return nil, err
		}
		found.Placed = append(found.Placed, chosen.SuggestedHost)
		if chosen.SuggestedHost == "" {
			continue
		}
		bound := pod.DeepCopy()
		bound.Spec.NodeName = chosen.SuggestedHost
		if err := sched.Cache.AddPod(logger, bound); err != nil {
			return nil, err
		}
		if err := sched.Cache.UpdateSnapshot(logger, snapshot); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func feasible(ctx context.Context, profile framework.Framework, pod *corev1.Pod) ([]string, error) {
	names := []string{}
	nodes, err := profile.SnapshotSharedLister().NodeInfos().List()
	if err != nil {
		return nil, err
	}
	if len(nodes) == 0 {
		return names, nil
	}
	state := framework.NewCycleState()
	allowed, status, _ := profile.RunPreFilterPlugins(ctx, state, pod)
	if status.Code() == fwk.Unschedulable || status.Code() == fwk.UnschedulableAndUnresolvable {
		return names, nil
	}
	if !status.IsSuccess() {
		return nil, status.AsError()
	}
	for _, node := range nodes {
		name := node.Node().Name
		if !allowed.AllNodes() && !allowed.NodeNames.Has(name) {
			continue
		}
		if profile.RunFilterPlugins(ctx, state, pod, node).IsSuccess() {
			names = append(names, name)
		}
	}
	return names, nil
}
