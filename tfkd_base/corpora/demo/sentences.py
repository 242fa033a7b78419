"""Rules of the grammar for the sentences of the demo corpora: what all corpora share, and what each of them adds."""

PHRASES = """
n: 12 | 18 | 24 | 31 | 37 | 42 | 56 | 64 | 87 | 103 | 148 | 212 | 365
small: two | three | four | five | six | seven | nine | eleven
percent: 8 % | 12 % | 15 % | 23 % | 31 % | 46 % | 58 % | 72 % | 90 %
p: ( P < 0.01 ) | ( P < 0.05 ) | ( p = 0.03 ) | ( P < 0.001 )
dose: 5 mg / kg | 10 mg / kg | 20 mg / kg | 50 mg daily | 100 micrograms | 0.5 mg / kg
time: 24 h | 3 days | 6 weeks | 4 months | 12 months | 2 years | 48 h
age: 34 | 52 | 71 | 47 | 29 | 63
young age: 3 | 5 | 6 | 9 | 12 | 14
someone: <age> - year - old woman | <age> - year - old man | <age> - year - old patient | <young age> - year - old boy
  | <young age> - year - old girl | <young age> - month - old infant
people: patients | patients | patients | children | subjects | individuals | women | men | adults
family: families | kindreds | pedigrees | relatives
group: unrelated | affected | Japanese | Finnish | Caucasian | African American | elderly | Italian | adult
controls: healthy controls | age - matched controls | matched control subjects | healthy volunteers
untreated: untreated animals | vehicle | placebo | saline | sham - operated rats
animals: rats | mice | Wistar rats | knockout mice | transgenic mice | rabbits | guinea pigs | zebrafish embryos | dogs
  | rhesus monkeys
species: Escherichia coli | Saccharomyces cerevisiae | Drosophila | Caenorhabditis elegans | Xenopus oocytes | human
  | mouse | rat | chicken | Arabidopsis
cells: HeLa cells | MCF - 7 cells | HEK 293 cells | COS - 7 cells | NIH 3T3 cells | Jurkat cells | HepG2 cells
  | K562 cells | CHO - K1 cells
  | PC12 cells | T cells | hepatocytes | endothelial cells | fibroblasts | cultured neurons | macrophages
  | SH - SY5Y cells | CD4 + T lymphocytes | smooth muscle cells
tissue: liver | kidney | hippocampus | spleen | skeletal muscle | cerebral cortex | heart | lung | testis | placenta
  | striatum | retina | bone marrow | small intestine
assay: PCR | RT - PCR | Northern blotting | Western blot analysis | ELISA | immunohistochemistry | SDS - PAGE
  | flow cytometry | FISH | Southern blot hybridization | mass spectrometry | an EMSA | SSCP analysis
  | in situ hybridization | direct sequencing
imaging: MRI | CT | PET | echocardiography | ultrasound | SPECT
procedure: dialysis | biopsy | surgery | coronary angiography | hemodialysis | mechanical ventilation | transplantation
  | anesthesia | electroencephalography | ECG monitoring | laparoscopy | radiotherapy
process: apoptosis | cell proliferation | DNA synthesis | angiogenesis | transcription | signal transduction
  | mitosis | differentiation | DNA repair | cell adhesion | endocytosis | protein synthesis | chemotaxis | phagocytosis
measure: blood pressure | heart rate | body weight | serum creatinine | survival | quality of life | locomotor activity
  | the QT interval | cardiac output | platelet count | renal function | the ESR | BMI
level: blood pressure | heart rates | body weight | serum creatinine | survival | platelet counts | body mass index
place: 5q31 | 17q21 | Xp22 | 11p15 | 3p25 | 22q11 | 7q32 | 13q14 | 1p36
mutations: missense mutations | nonsense mutations | polymorphisms | deletions | point mutations | truncating mutations
  | frameshift mutations | splice site mutations | insertions
a variant: a 4 - bp deletion | a frameshift mutation | a splice site mutation | a G - to - A transition
  | loss of heterozygosity | an R248W substitution | a missense mutation
inherits: segregates with | is linked to | cosegregates with | maps close to the locus for
degree: significantly | markedly | slightly | moderately | strongly | partially | completely | clearly | consistently
adjective: rare | common | severe | mild | well known | possible | late | new | frequent | serious
when: In this study | Recently | In addition | Furthermore | However | In contrast | Interestingly | Therefore
  | To our knowledge | Taken together | Previously | At present | In most cases | As expected | Surprisingly
when clinical: <when> | <when> | In the present series | After a median follow - up of <time> 
  | In <small> of <n> <people> | During <procedure> | In the same period
when molecular: <when> | <when> | <when> | Under these conditions | In vitro | In the presence of <Chemical>
  | In the absence of <Gene>
found: we found that | our results show that | it was shown that | the data suggest that | we report that
  | these results indicate that | we conclude that | evidence is presented that | it has been proposed that
  | there was no evidence that | we asked whether | it remains unclear whether
"""

NEGATIVE = """
negative: <when> , <measure> was measured by <nurse> every <time> .
  | The samples were analyzed by <assay> and <assay> .
  | Samples from the <tissue> of <n> <people> were studied by <assay> .
  | Written consent was obtained from all <people> before <procedure> .
  | The mean age of the <n> <people> was 47 years ( range , 19 - 83 ) .
  | <n> <animals> were divided into <small> groups .
  | It is not known whether <process> in the <tissue> involves <process> .
  | Further studies in <species> and in <animals> are needed .
  | <when> , no difference in <measure> was seen between the groups <p> .
  | The rate of <process> was studied in <cells> for <time> .
  | The <people> were followed for <time> , and <measure> was recorded at each visit .
  | DNA was extracted from the <tissue> and amplified by PCR .
  | The sequence of the clone was determined and compared with that of <species> .
  | These findings are consistent with the hypothesis of a <adjective> founder effect .
  | The FDA and the WHO have issued <adjective> guidelines for <procedure> .
  | Of the <people> , <percent> completed the questionnaire ( OR 1.7 , CI 1.1 - 2.6 ) .
  | Neither <procedure> nor <procedure> was required .
  | Cells were incubated for <time> in DMEM with 10 % FBS and counted .
  | <when> , the finding was confirmed by <imaging> .
  | The authors review the literature on <procedure> in <people> .
  | A cDNA library of the <tissue> was screened , and <n> clones were sequenced .
  | We compared <measure> in <n> <people> with that in <n> <controls> .
  | Mutations in this gene are a <adjective> cause of the disease in <group> <family> .
  | Neither the drug nor <untreated> had an effect on <measure> in <animals> .
  | The protein is expressed in <cells> and in the <tissue> .
nurse: the same nurse | ECG | <imaging>
"""

DISEASE_SENTENCES = """
disease sentence: <d claim> . | <d claim> . | <d claim> . | <when clinical> , <d claim> . | <found> <d claim> .
  | <d claim> , <d tail> . | <d claim> , <d tail> . | <found> <d claim> , <d tail> .
d tail: whereas <d claim> | and <d claim> | although <measure> was normal | which was confirmed by <assay>
  | suggesting that <Gene> has a role in <Disease> | but not in <people> with <Disease>
  | including <small> <people> with <Symptom> | but no <mutations> were found | but <Symptom> recurred after <time>
  | in keeping with the <adjective> course of <same Syndrome>
d claim: 36* <general claim> | <mutations> in the <Gene> gene were found in <n> <people> with <Syndrome>
  | <a variant> in <Gene> was found in a <someone> with <Syndrome>
  | <Syndrome> is a <adjective> disorder characterized by <Symptom> and <Symptom>
  | <Syndrome> is an inherited disease caused by mutations in <Gene>
  | <n> <group> <people> with <Disease> were screened for <mutations> by <assay>
  | a <someone> with <Syndrome> developed <Symptom>
  | the <Gene> locus <inherits> <Syndrome> in <small> <group> <family>
  | linkage of <Syndrome> to <place> was excluded in <small> <family>
  | the gene for <Syndrome> has been mapped to <place>
  | <Gene> is deleted in <percent> of <people> with <Tumor>
  | carriers of <Gene> mutations are at risk of <Tumor> and <Tumor>
  | the risk of <Tumor> was increased in <family> of <Syndrome> patients
  | <percent> of <Syndrome> patients had no family history of <Disease>
  | the incidence of <Disease> was <percent> in <people> and <percent> in <controls>
  | <Symptom> , <Symptom> and <Symptom> were the most common findings
  | the <Syndrome> gene encodes a protein of <n> kDa that is expressed in the <tissue>
  | <Syndrome> <family> show linkage to <place>
  | prenatal diagnosis of <Syndrome> was made by <assay>
  | germline <mutations> predispose to <Tumor>
  | <people> with <Tumor> or <Tumor> were treated with <Drug>
  | deficiency of <Gene> causes <Disease> in <animals>
  | <Syndrome> was diagnosed in <small> of <n> <group> <people>
  | haplotype analysis suggests a founder effect for <Syndrome> in <group> <family>
  | the onset of <Syndrome> is earlier in <family> with <mutations> of <Gene>
  | the phenotype ranges from mild <Symptom> to severe <Symptom>
  | expression of <Gene> was lost in <n> of 480 sporadic <Tumor> samples
  | the clinical course of <Syndrome> resembles that of <Syndrome>
  | <people> homozygous for the <Gene> mutation had <Symptom> but not <Symptom>
  | a role of <Gene> in <Disease> is likely
  | treatment with <Drug> did not prevent <Symptom> in carriers of <Syndrome>
  | <Disease> accounts for <percent> of deaths in <people> with <Syndrome>
  | mortality from <Tumor> fell after surgery
  | untreated <Syndrome> may lead to <Symptom> and early death
  | <Gene> and <Gene> are candidate genes for <Syndrome>
  | screening for <Disease> was offered to all <Syndrome> <family>
  | <Syndrome> and <Syndrome> are allelic disorders of <Gene>
  | <people> with <Syndrome> have raised levels of <Substance> in the <tissue>
"""

CHEMICAL_SENTENCES = """
chemical sentence: <c claim> . | <c claim> . | <c claim> . | <when> , <c claim> . | <found> <c claim> .
  | <c claim> , <c tail> . | <c claim> , <c tail> . | <found> <c claim> , <c tail> .
c tail: whereas <Chemical> had no effect | and <c claim> | but <measure> did not change <p>
  | and this effect was blocked by <Chemical> | although <Drug> was well tolerated | compared with <untreated>
  | and this effect disappeared when <same Drug> was stopped | without signs of <Symptom> | in the absence of <Chemical>
  | while <Chemical> and <Chemical> were inactive | unlike <Chemical>
c claim: 36* <general claim> | <Chemical> induced <Symptom> in <animals>
  | <Drug> - induced <Symptom> was prevented by <Chemical>
  | a <someone> developed <Symptom> after receiving <Drug> for <time>
  | treatment with <Drug> ( <dose> ) <degree> reduced <measure> in <animals>
  | <Chemical> ( <dose> , i.p. ) <degree> decreased the levels of <Substance> in the <tissue>
  | <people> with <Disease> were randomized to <Drug> or <Drug>
  | <people> with <Tumor> received <Drug> , <Drug> and <Drug>
  | <Chemical> inhibited <process> in <cells> with an IC50 of 3.2 microM
  | <Chemical> blocked the <Gene> - mediated release of <Substance>
  | the effects of <Drug> and <Drug> on <measure> were compared in <n> <people>
  | the <Substance> antagonist <Drug> <degree> attenuated <Symptom>
  | the occurrence of <Symptom> is a <adjective> side effect of <Drug>
  | <Drug> is metabolized by <Gene> in the <tissue>
  | plasma concentrations of <Drug> were measured by HPLC after a dose of <dose>
  | pretreatment with <Chemical> protected <animals> against <Symptom> caused by <Chemical>
  | <Symptom> occurred in <percent> of the <people> on <Drug>
  | the <tissue> uptake of labeled <Substance> was <degree> increased by <Chemical>
  | <Chemical> , a selective inhibitor of <Gene> , <degree> suppressed <process>
  | <Drug> withdrawal led to <Symptom> within <time>
  | injection of <Chemical> into the <tissue> elicited <Symptom>
  | combination of <Drug> with <Drug> was more effective than either drug alone
  | an overdose of <Drug> resulted in <Symptom> and <Symptom>
  | oral <Drug> is effective in <people> with <Disease>
  | <Drug> and its metabolite <Substance> were detected in urine
  | derivatives of <Substance> such as <Substance> were synthesized and tested in <cells>
  | the toxicity of <Chemical> was enhanced in <animals> lacking <Gene>
  | exposure of <cells> to <Chemical> increased <Gene> expression <p>
  | <people> taking <Drug> had <degree> lower <level> than those taking <Drug>
  | <Drug> was given intravenously during <procedure>
  | depletion of <Substance> prevented the action of <Chemical> on <measure>
  | the <Drug> group had fewer cases of <Symptom> than the <Drug> group <p>
  | <Substance> channels in <cells> were opened by <Chemical>
  | long - term <Drug> therapy was associated with <Symptom>
  | <people> with <Syndrome> excrete large amounts of <Substance>
"""

GENE_SENTENCES = """
gene sentence: <g claim> . | <g claim> . | <g claim> . | <when molecular> , <g claim> . | <found> <g claim> .
  | <g claim> , <g tail> . | <g claim> , <g tail> . | <found> <g claim> , <g tail> .
g tail: unlike <Gene> | and <g claim> | in contrast to <Gene> | but this did not require <Gene>
  | as shown by <assay> | suggesting that <same Gene> acts upstream of <Gene> | in a dose - dependent manner
  | and this was inhibited by <Chemical> | independently of <Gene> | although <Gene> was not affected
g claim: 36* <general claim> | <Gene> interacts with <Gene> in <cells>
  | <Gene> <degree> activates transcription of the <Gene> promoter in <cells>
  | expression of <Gene> was <degree> induced by <Chemical> in <cells>
  | phosphorylation of <Gene> by <Gene> is required for <process>
  | the human <Gene> gene maps to <place> and has <n> exons
  | we have cloned a cDNA that encodes <Gene> from a <tissue> library
  | <Gene> mRNA was detected in <tissue> and <tissue> by <assay>
  | overexpression of <Gene> inhibited <process> in <cells>
  | antibodies against <Gene> precipitated <Gene> from extracts of <cells>
  | <Gene> , <Gene> and <Gene> form a complex that regulates <process>
  | <species> <Gene> shares <percent> identity with <Gene>
  | the <Gene> pathway is disrupted in <Tumor>
  | mutant <Gene> failed to bind <Gene>
  | <Gene> - deficient mice showed normal <process>
  | serum levels of <Gene> and <Gene> were elevated in <people> with <Disease>
  | heterodimers of <Gene> and <Gene> bind DNA with high affinity
  | <Gene> is a substrate of <Gene> in <species>
  | knockdown of <Gene> <degree> reduced <Gene> activity
  | the promoter of <Gene> contains binding sites for <Gene> and <Gene>
  | loss of <Gene> causes <Disease> in mice
  | stimulation with <Gene> increased the secretion of <Gene> from <cells>
  | <Chemical> inhibits <Gene> through its amino - terminal domain
  | <Gene> was localized to the nucleus of <cells>
  | <mutations> of <Gene> abolished its interaction with <Gene>
  | transcripts of <Gene> are alternatively spliced in the <tissue>
  | the C - terminal region of <Gene> is necessary for <process>
  | <Gene> and <Gene> have distinct roles in <process>
  | induction of <Gene> by <Gene> was independent of <Chemical>
  | <Gene> expression in <Tumor> was studied by <assay>
  | recombinant <Gene> was purified from <species>
  | <Gene> homologues are found in <species> and <species>
  | transfection of <cells> with <Gene> restored the response to <Chemical>
  | <Syndrome> patients carry <mutations> of <Gene>
  | basal <Gene> levels were <degree> higher in the <tissue> than in the <tissue>
"""

GENERAL_SENTENCES = """
general claim: the role of <Factor> in <Condition> remains to be determined
  | <Factor> correlated with <Factor> in <n> <people>
  | the effect of <Factor> on <Condition> was examined in <animals>
  | a relationship between <Factor> and <Factor> was observed in <people>
  | changes in <Factor> preceded those in <Factor>
  | reports on <Factor> , <Factor> and <Factor> are few
  | studies have linked <Factor> to <Factor>
  | neither <Factor> nor <Factor> explained the change in <measure>
  | adjustment for <Factor> did not change the association with <Factor>
  | <Factor> may act through <Reagent> to alter <process>
  | the influence of <Factor> on <Factor> was <degree> reduced by <Reagent>
  | interest in <Factor> has grown with reports of <Condition>
  | <Factor> - related changes were seen in the <tissue> and in the <tissue>
  | <n> <people> were tested for <Factor> and <Factor>
  | the <Factor> group had <degree> lower <level> than the <Factor> group <p>
  | the <Factor> hypothesis of <Condition> is supported by studies in <animals>
  | the response of <cells> to <Reagent> was studied by <assay>
  | <Reagent> and <Reagent> were used in all experiments
  | extracts of the <tissue> were incubated with <Reagent> for <time>
  | stocks of <Reagent> and <Reagent> were kept at - 80 degrees
  | binding of <Reagent> to <Reagent> was measured by <assay>
  | <cells> and <Reagent> were exposed to <Reagent>
  | <people> with <Condition> had <degree> higher <level> than those without <Condition>
  | <percent> of the <people> reported <Condition>
  | a score for <Condition> was derived from <measure> and <Factor>
  | the <people> were grouped by <Condition> and <Factor>
"""
