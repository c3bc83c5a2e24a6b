module dns

go 1.26.0

require github.com/coredns/coredns v1.15.0

// The client of the newest cluster that there is here.
replace (
	k8s.io/api => k8s.io/api v0.36.3
	k8s.io/apimachinery => k8s.io/apimachinery v0.36.3
	k8s.io/client-go => k8s.io/client-go v0.36.3
)
