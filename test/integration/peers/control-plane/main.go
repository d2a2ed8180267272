// The parts of a Kubernetes control plane in one program, linked once instead of four times:
//
//	control-plane etcd | kube-apiserver | kube-controller-manager | kube-scheduler FLAGS
//
// are those programs as they are, and
//
//	control-plane place
//
// asks the scheduler alone, without an API server in front: clusters as JSON on stdin, one a line, its answers on stdout.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "expected the name of a program")
		os.Exit(2)
	}
	switch name, flags := os.Args[1], os.Args[2:]; name {
	case "etcd":
		etcdmain.Main(os.Args[1:])
	case "kube-apiserver":
		run(apiserver.NewAPIServerCommand(), flags)
	case "kube-controller-manager":
		run(controllers.NewControllerManagerCommand(), flags)
	case "kube-scheduler":
		run(scheduler.NewSchedulerCommand(), flags)
	case "place":
		if err := place(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	default:
		fmt.Fprintf(os.Stderr, "there is no program %q\n", name)
		os.Exit(2)
	}
}

func run(command *cobra.Command, flags []string) {
	command.SetArgs(flags)
	os.Exit(cli.Run(command))
}
